'use strict';

const fs = require('node:fs');
const os = require('node:os');
const { join, dirname } = require('node:path');

const root = join(__dirname, '..', '..');

/** What require('ralloc') does not load, beside all of tools/. */
const APART = /[\\/]lib[\\/]auto[\\/]/;

/**
 * A copy of lib/ and tools/ in a folder of its own, as npm would install it, but for what runs in a terminal unless it is `isWhole`; `files`
 * (path → content) are added. It is removed when the test is over.
 */
function copyOfPackage(t, files = {}, { isWhole = false } = {}) {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
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

/** The binary that was built here; undefined where there is none. */
const builtBinary = fs
  .readdirSync(root)
  .filter((file) => /^ralloc\..*\.node$/.test(file))
  .map((file) => join(root, file))
  .find((file) => file.includes(`${process.platform}-${process.arch}`));

module.exports = { copyOfPackage, builtBinary };
