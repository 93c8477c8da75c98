'use strict';

// package.json as it is published. All that names the repository, the links of the documents included, comes from
// the one address that a release is given: a fork has another, and npm compares it with the provenance.

const { TARGETS, packageName } = require('./targets.js');

/** What only the clone needs. */
const OF_THE_CLONE = ['napi', 'scripts', 'devDependencies', 'overrides', 'c8', 'tsd'];

/** @returns {string} where people look at the repository, of an address as git or npm write it */
function webAddress(repository) {
  const web = repository.replace(/^git\+/, '').replace(/(?:\.git)?\/?$/, '');
  if (!/^https:\/\/[\w.-]+\/./.test(web))
    throw new Error(`${repository} is no repository: https://github.com/OWNER/NAME is one`);
  return web;
}

/** @param {string} [folder] of the package inside the repository */
function addresses(web, folder) {
  return {
    homepage: `${web}#readme`,
    bugs: { url: `${web}/issues` },
    repository: {
      type: 'git',
      url: `git+${web}.git`,
      ...(folder === undefined ? {} : { directory: folder }),
    },
  };
}

/** What users install: no word of how it is built, and the binaries' packages of the same version. */
function publishedManifest(manifest, web) {
  const optionalDependencies = Object.fromEntries(
    manifest.napi.targets.map((triple) => [
      packageName(TARGETS[triple].platform),
      manifest.version,
    ]),
  );
  const copy = { ...manifest, ...addresses(web), optionalDependencies };
  for (const key of OF_THE_CLONE) delete copy[key];
  return copy;
}

module.exports = { addresses, publishedManifest, webAddress };
