'use strict';

// The locks are whole: whatever a package depends on is in them, also the optional packages of other platforms. npm leaves those
// out, without a word, when the registry does not have them, and `npm ci` then fails. Each entry has its checksum, and no address.

const { readFile } = require('../lib/files.js');

const LOCKS = [
  'package-lock.json',
  'bench/apps/package-lock.json',
  'bench/apps/next/package-lock.json',
];

/** A version, not a range: what packages ask of their platforms' packages. */
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

/** The package that Node finds as `name` from the one at `place`: `node_modules/a`, or `` for the root. */
function findInstalled(packages, place, name) {
  for (
    let folder = place;
    ;
    folder = folder.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')
  ) {
    const found = packages[`${folder}/node_modules/${name}`.replace(/^\//, '')];
    if (found !== undefined || folder === '') return found;
  }
}

function faultsOf(packages, place, entry) {
  const isOptional = (name) => entry.peerDependenciesMeta?.[name]?.optional === true;
  const peers = Object.entries(entry.peerDependencies ?? {}).filter(([name]) => !isOptional(name));
  const wanted = [
    ...Object.entries({ ...entry.dependencies, ...entry.devDependencies }),
    ...Object.entries(entry.optionalDependencies ?? {}),
    ...peers,
  ];
  const faults = wanted.flatMap(([name, version]) => {
    const found = findInstalled(packages, place, name);
    if (found !== undefined && (!EXACT.test(version) || found.version === version)) return [];
    return [`${name}@${version} is missing`];
  });
  if (entry.resolved !== undefined) faults.push('has the address of a registry');
  if (place !== '' && !entry.link && entry.integrity === undefined) faults.push('has no checksum');
  return faults;
}

module.exports = (root) =>
  LOCKS.flatMap((file) => {
    const text = readFile(root, file);
    const { packages } = JSON.parse(text);
    const lineOf = (place) => text.slice(0, text.indexOf(`"${place}": {`)).split('\n').length;
    return Object.entries(packages).flatMap(([place, entry]) =>
      faultsOf(packages, place, entry).map((fault) => ({
        file,
        line: lineOf(place),
        what: `${place || 'the root'}: ${fault}`,
      })),
    );
  });
