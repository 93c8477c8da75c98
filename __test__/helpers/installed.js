'use strict';

// A folder of somebody who installed ralloc: node_modules holds what npm publishes of it, and nothing else
// than what is asked for.

const fs = require('node:fs');
const os = require('node:os');
const { join, dirname } = require('node:path');
const test = require('ava');
const { builtBinary } = require('./copy-of-package.js');
const { removeFolder } = require('./folder.js');

const root = join(__dirname, '..', '..');
const manifest = require('../../package.json');
const { publishedManifest } = require('../../scripts/release/manifest.js');

/** What a compiler reads. */
const TYPES = ['index.d.ts', 'types'];

const published = publishedManifest(manifest, 'https://example.test/us/ralloc');

/**
 * Makes the folder, whose name begins with `prefix`; it is removed when the test is over. `binary: false` leaves the platform's package out, `program: false` all but the types;
 * `links` (name there → name here) are packages of this clone; `files` (path → content) are added.
 */
function install(
  t,
  { binary = true, program = true, links = {}, files = {}, prefix = 'ralloc-user-' } = {},
) {
  const folder = fs.mkdtempSync(join(fs.realpathSync(os.tmpdir()), prefix));
  t.teardown(() => removeFolder(folder));
  const modules = join(folder, 'node_modules');
  const parts = program ? manifest.files.filter((pattern) => !pattern.startsWith('!')) : TYPES;
  for (const file of parts) {
    fs.cpSync(join(root, file), join(modules, 'ralloc', file), { recursive: true });
  }
  fs.writeFileSync(join(modules, 'ralloc', 'package.json'), JSON.stringify(published));
  if (program && binary && builtBinary !== undefined) installBinary(modules);
  for (const [there, here] of Object.entries(links)) {
    fs.mkdirSync(dirname(join(modules, there)), { recursive: true });
    fs.symlinkSync(join(root, 'node_modules', here), join(modules, there), 'junction');
  }
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(folder, path)), { recursive: true });
    fs.writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** The package of this platform: its binary and a package.json. */
function installBinary(modules) {
  const [, file, platform] = /(ralloc\.(.+)\.node)$/.exec(builtBinary);
  const folder = join(modules, '@ralloc', platform);
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(builtBinary, join(folder, file));
  const { version } = manifest;
  const own = { name: `@ralloc/${platform}`, version, main: file };
  fs.writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
}

/** The folder once for all tests of a file, made by the first that asks for it. */
function installOnce(options) {
  const acts = [];
  let folder;
  test.after.always(() => {
    for (const act of acts) act();
  });
  return () => {
    folder ??= install({ teardown: (act) => acts.push(act) }, options);
    return folder;
  };
}

module.exports = { install, installOnce, published };
