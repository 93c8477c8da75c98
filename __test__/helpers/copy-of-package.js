'use strict';

const fs = require('node:fs');
const os = require('node:os');
const { join, dirname } = require('node:path');
const { removeFolder } = require('./folder.js');
const { TARGETS, binaryName, hostTriple } = require('../../scripts/release/targets.js');

const root = join(__dirname, '..', '..');

/** What require('ralloc') does not load, beside all of tools/. */
const APART = /[\\/]lib[\\/]auto[\\/]/;

/**
 * A copy of lib/ and tools/ in a folder of its own, as npm would install it, but for what runs in a terminal unless it is `isWhole`; `files`
 * (path → content) are added. It is removed when the test is over.
 */
function copyOfPackage(t, files = {}, { isWhole = false } = {}) {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
  t.teardown(() => removeFolder(folder));
  const filter = (path) => isWhole || !APART.test(path);
  for (const name of isWhole ? ['lib', 'tools'] : ['lib']) {
    fs.cpSync(join(root, name), join(folder, name), { recursive: true, filter });
  }
  fs.copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(folder, path)), { recursive: true });
    fs.writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The binary for this Node, if it was built here; there may be others' beside it. */
const binary = join(root, binaryName(TARGETS[hostTriple()]?.platform));
const builtBinary = fs.existsSync(binary) ? binary : undefined;

module.exports = { copyOfPackage, builtBinary };
