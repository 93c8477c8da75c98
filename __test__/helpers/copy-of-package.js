'use strict';

const fs = require('node:fs');
const os = require('node:os');
const { join, dirname } = require('node:path');
const { removeFolder } = require('./folder.js');
const { TARGETS, binaryName, hostTriple } = require('../../scripts/release/targets.js');

const root = join(__dirname, '..', '..');

/** What require('ralloc') does not load, beside all of tools/. */
const APART = /[\\/]lib[\\/]auto[\\/]/;

/** Makes the folder `to`, of links to the files of `from`. Links take a seventh of the CPU time of copies, and a test that makes fifty of them seconds less. */
function linkAll(from, to) {
  fs.mkdirSync(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkAll(source, target);
    else if (entry.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), target);
    else fs.linkSync(source, target);
  }
}

const newFolder = () => fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
let first; // the copy of lib/ that others are links of; never one of this clone's files, which a test might write to

function copyOfLib() {
  if (first === undefined) {
    first = join(newFolder(), 'lib');
    process.once('exit', () => removeFolder(dirname(first)));
    fs.cpSync(join(root, 'lib'), first, { recursive: true, filter: (path) => !APART.test(path) });
  }
  return first;
}

/**
 * A copy of lib/ and tools/ in a folder of its own, as npm would install it, but for what runs in a terminal unless it is `isWhole`; `files`
 * (path → content) are added. It is removed when the test is over.
 */
function copyOfPackage(t, files = {}, { isWhole = false } = {}) {
  const folder = newFolder();
  t.teardown(() => removeFolder(folder));
  if (!isWhole) linkAll(copyOfLib(), join(folder, 'lib'));
  else
    for (const name of ['lib', 'tools'])
      fs.cpSync(join(root, name), join(folder, name), { recursive: true });
  fs.copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(folder, path)), { recursive: true });
    fs.rmSync(join(folder, path), { force: true }); // not a link of another copy
    fs.writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The binary for this Node, if it was built here; there may be others' beside it. */
const binary = join(root, binaryName(TARGETS[hostTriple()]?.platform));
const builtBinary = fs.existsSync(binary) ? binary : undefined;

module.exports = { builtBinary, copyOfPackage, linkAll };
