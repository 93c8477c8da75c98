'use strict';

// What npm would publish, as its users' tools see it: publint on its entry points and metadata,
// are-the-types-wrong on its types under every way that TypeScript resolves modules.
// `--self-test` proves that either finds a wrong package.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runCheck } = require('./lib/check.js');

/** The bytes of the package that `npm pack` makes of the folder `root`. */
function pack(root) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-pack-'));
  try {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder];
    const { status, stderr } = spawnSync('npm', args, {
      cwd: root,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
    const [file] = fs.readdirSync(folder);
    return new Uint8Array(fs.readFileSync(path.join(folder, file)));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function aboutEntries(tarball) {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

async function aboutTypes(tarball) {
  const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
  const { types, problems } = await checkPackage(createPackageFromTarballData(tarball));
  if (types === false) return ['are the types wrong: the package has none'];
  return problems.map(
    ({ kind, ...where }) => `are the types wrong: ${kind} ${JSON.stringify(where)}`,
  );
}

async function checkPackage(root) {
  const tarball = pack(root);
  const found = [...(await aboutEntries(tarball)), ...(await aboutTypes(tarball))];
  return found.map((what) => ({ file: 'package.json', line: 1, what }));
}

const conditions = (types, file) => ({ types, default: file });

/** A package of one entry point, by its files for import and for require. */
const entry = (esm, cjs) =>
  JSON.stringify({
    name: 'x',
    version: '1.0.0',
    license: 'MIT',
    engines: { node: '>=20' },
    type: 'commonjs',
    exports: {
      '.': { import: conditions('./index.d.mts', esm), require: conditions('./index.d.ts', cjs) },
    },
  });

const FILES = {
  'package.json': entry('./index.mjs', './index.js'),
  'index.js': 'exports.a = 1;',
  'index.mjs': 'export const a = 1;',
  'index.d.ts': 'export const a: 1;',
  'index.d.mts': 'export const a: 1;',
};

const CASES = [
  { name: 'a package as it should be', files: FILES, wrong: [] },
  {
    name: 'an entry point that is not there',
    files: { ...FILES, 'package.json': entry('./index.mjs', './missing.js') },
    wrong: ['package.json:1'],
  },
  {
    name: 'types of another export than there is',
    files: {
      ...FILES,
      'index.js': 'module.exports = function one() {};',
      'index.d.ts': 'declare function one(): void;\nexport default one;',
    },
    wrong: ['package.json:1'],
  },
];

runCheck(checkPackage, CASES);
