'use strict';

// What npm would publish, as its users' tools see it: publint on its entry points and metadata, are-the-types-wrong on its types
// under every way that TypeScript resolves modules.

const { checkPackage, createPackageFromTarballData } = require('@arethetypeswrong/core');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

/** The bytes of the package that `npm pack` makes of the folder `root`. */
async function pack(root) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-pack-'));
  try {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
    await promisify(execFile)('npm', args, { cwd: root, shell: process.platform === 'win32' });
    return new Uint8Array(fs.readFileSync(path.join(folder, fs.readdirSync(folder)[0])));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = async (root) => {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const tarball = await pack(root);
  const entries = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  const types = await checkPackage(createPackageFromTarballData(tarball));
  return [
    ...entries.messages.map((message) => formatMessage(message, entries.pkg, { color: false })),
    ...(types.types === false ? ['it has no types'] : []),
    ...(types.problems ?? []).map(({ kind, ...where }) => `${kind} ${JSON.stringify(where)}`),
  ].map((what) => ({ file: 'package.json', line: 1, what }));
};
