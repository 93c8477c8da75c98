'use strict';

// The packages as they are published, but for their files: ralloc's package.json, and all of a platform's package. What names the
// repository comes from the one address that a release is given: a fork has another, and npm compares it with the provenance.

const { BUILT_FOR_GLIBC, PLATFORMS, binaryName, packageName } = require('./targets.js');

/** What only the clone needs. */
const OF_THE_CLONE = ['napi', 'scripts', 'devDependencies', 'overrides', 'c8', 'tsd'];

/** @returns {string} where people look at the repository, of an address as git or npm write it */
function webAddress(repository) {
  const web = repository.replace(/^git\+/, '').replace(/(?:\.git)?\/?$/, '');
  if (!/^https:\/\/[\w.-]+\/./.test(web))
    throw new Error(`${repository} is no repository: https://github.com/OWNER/NAME is one`);
  return web;
}

const addresses = (web) => ({
  homepage: `${web}#readme`,
  bugs: { url: `${web}/issues` },
  repository: { type: 'git', url: `git+${web}.git` },
});

/** What users install: no word of how it is built, and the binaries' packages of the same version. */
function publishedManifest(manifest, web) {
  const binaries = Object.keys(PLATFORMS).map((one) => [packageName(one), manifest.version]);
  const optionalDependencies = Object.fromEntries(binaries);
  const copy = { ...manifest, ...addresses(web), optionalDependencies };
  for (const key of OF_THE_CLONE) delete copy[key];
  return copy;
}

/** A platform's package.json, which tells npm where the binary belongs. */
function platformManifest(platform, { version, license, author, engines }, web) {
  const [os, cpu] = platform.split('-');
  const { libc } = PLATFORMS[platform];
  const binary = binaryName(platform);
  return {
    name: packageName(platform),
    version,
    description: `The binary of ralloc for ${platform}`,
    license,
    author,
    main: binary,
    files: [binary],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    ...addresses(web),
  };
}

const platformReadme = (platform) => `# \`${packageName(platform)}\`

The native binary of ralloc for ${PLATFORMS[platform].system.replace('glibc', `glibc ${BUILT_FOR_GLIBC} or later`)}.

There is nothing to install or to require here. Install ralloc, and npm adds this package where it fits:

\`\`\`sh
npm install ralloc
\`\`\`

ralloc loads the binary of its own version only. Where it is missing (\`--omit=optional\`, or a lockfile that was written on
another platform), ralloc works all the same, on JavaScript alone: \`require('ralloc').backend\` is then \`'js'\` and not
\`'native'\`, and one warning, \`RALLOC_JS_BACKEND\`, gives the reason.
`;

module.exports = { platformManifest, platformReadme, publishedManifest, webAddress };
