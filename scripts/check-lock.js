'use strict';

// package-lock.json is whole, and so is that of bench/apps: whatever a package in it depends on is in it too, also the optional packages of platforms
// that are not this one. npm leaves those out, without a word, when the registry does not have them, and `npm ci`
// then fails. Each entry has its checksum, and none the address that it came from.
// What `npm ci` itself says is asked by scripts/ci/clean-install.js. `--self-test` proves that each can be found.

const fs = require('node:fs');
const path = require('node:path');
const { runCheck } = require('./lib/check.js');
const { readFile } = require('./lib/files.js');

const LOCK = 'package-lock.json';
const APPS = 'bench/apps/package-lock.json'; // of packages that only bench/apps has

/** A version, not a range: what packages ask of their platforms' packages. */
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

/** Where Node would find `name` for the package at `place`: `node_modules/a`, or `` for the root. */
function findInstalled(packages, place, name) {
  for (let folder = place; ; ) {
    const inside = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[inside] !== undefined) return packages[inside];
    if (folder === '') return undefined;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1));
  }
}

/** Every package that must be there for this one: [name, version or range]. */
function dependenciesOf({ dependencies, devDependencies, optionalDependencies, ...entry }) {
  const peers = Object.entries(entry.peerDependencies ?? {}).filter(
    ([name]) => entry.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [dependencies, devDependencies, optionalDependencies]
    .flatMap((list) => Object.entries(list ?? {}))
    .concat(peers);
}

function faultsOf(packages, place, entry) {
  const faults = [];
  for (const [name, wanted] of dependenciesOf(entry)) {
    const found = findInstalled(packages, place, name);
    if (found === undefined) faults.push(`${name}@${wanted} is missing`);
    else if (EXACT.test(wanted) && found.version !== wanted)
      faults.push(`${name}@${wanted} is missing; there is ${found.version}`);
  }
  if (entry.resolved !== undefined) faults.push('has the address of a registry');
  if (place !== '' && entry.link !== true && entry.integrity === undefined)
    faults.push('has no checksum');
  return faults;
}

function checkLock(root, lock) {
  const text = readFile(root, lock);
  const { packages } = JSON.parse(text);
  const lines = text.split('\n');
  const lineOf = (place) =>
    Math.max(1, lines.findIndex((line) => line.trim().startsWith(`"${place}": {`)) + 1);
  return Object.entries(packages).flatMap(([place, entry]) =>
    faultsOf(packages, place, entry).map((fault) => ({
      file: lock,
      line: lineOf(place),
      what: `${place || 'the root'}: ${fault}`,
    })),
  );
}

const checkLocks = (root) =>
  [LOCK, APPS]
    .filter((lock) => fs.existsSync(path.join(root, lock)))
    .flatMap((lock) => checkLock(root, lock));

const lockOf = (packages) => ({ [LOCK]: JSON.stringify({ packages }, null, 1) });

const INTEGRITY = 'sha512-x';
const TOOL = {
  version: '2.0.0',
  integrity: INTEGRITY,
  dependencies: { shared: '^1.0.0' },
  optionalDependencies: { 'tool-linux': '2.0.0', 'tool-darwin': '2.0.0' },
  peerDependencies: { wanted: '1', unwanted: '1' },
  peerDependenciesMeta: { unwanted: { optional: true } },
};
const WHOLE = {
  '': { devDependencies: { tool: '^2.0.0' } },
  'node_modules/tool': TOOL,
  'node_modules/shared': { version: '1.2.0', integrity: INTEGRITY },
  'node_modules/tool-linux': { version: '2.0.0', integrity: INTEGRITY },
  'node_modules/tool/node_modules/tool-darwin': { version: '2.0.0', integrity: INTEGRITY },
  'node_modules/wanted': { version: '1.0.0', integrity: INTEGRITY },
};
const { 'node_modules/tool-linux': _linux, 'node_modules/wanted': _wanted, ...PARTIAL } = WHOLE;

const CASES = [
  { name: 'a lock that is whole', files: lockOf(WHOLE), wrong: [] },
  {
    name: 'without a package of another platform, and without a peer',
    files: lockOf(PARTIAL),
    wrong: [`${LOCK}:8`, `${LOCK}:8`],
  },
  {
    name: 'a package of another version, one without a checksum, and one with an address',
    files: lockOf({
      ...WHOLE,
      'node_modules/tool-linux': { version: '2.0.1', integrity: INTEGRITY },
      'node_modules/wanted': { version: '1.0.0' },
      'node_modules/shared': { version: '1.2.0', integrity: INTEGRITY, resolved: 'shared.tgz' },
    }),
    wrong: [`${LOCK}:8`, `${LOCK}:28`, `${LOCK}:41`],
  },
  {
    name: 'the lock of bench/apps with a package without a checksum',
    files: {
      ...lockOf(WHOLE),
      [APPS]: JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }),
    },
    wrong: [`${APPS}:1`],
  },
];

runCheck(checkLocks, CASES);
