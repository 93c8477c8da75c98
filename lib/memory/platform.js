'use strict';

// Decides which binary this host needs. If it is missing, gives a reason, and the command that helps.

const process = require('node:process');
const { napi, optionalDependencies, version } = require('../../package.json');
const { libcOfProcess } = require('./binary-file.js');
const { adding } = require('./package-manager.js');

/** A bundle that is an ES module has no __filename. */
const HERE = typeof __filename === 'string' ? __filename : '';

const abiOf = (libc) => (libc === 'musl' ? 'musl' : 'gnu');

/** napi-rs's name of a platform, which binaries have in their names; only on Linux `libc` is a part of it. */
function platformOf(libc) {
  const { platform: os, arch } = process;
  if (os === 'linux') return `linux-${arch}-${abiOf(libc)}`;
  return os === 'win32' ? `win32-${arch}-msvc` : `${os}-${arch}`;
}

const packageOf = (libc) => `@ralloc/${platformOf(libc)}`;

/** The C libraries whose binaries to try: that of this process, or both if it is unknown. */
function libcs() {
  if (process.platform !== 'linux') return [undefined];
  const libc = libcOfProcess();
  return libc === undefined ? ['glibc', 'musl'] : [libc];
}

/** Where to look for the binary: a built one, or one beside a bundle, comes before an installed one. */
function placesOf(libc) {
  const file = `ralloc.${platformOf(libc)}.node`;
  return [`../../${file}`, `./${file}`, packageOf(libc)];
}

/** Rust's name of this platform, as in the package.json of a clone. */
function tripleOf(libc) {
  const { platform: os, arch } = process;
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch];
  const linux = `unknown-linux-${abiOf(libc)}`;
  return `${cpu}-${{ linux, darwin: 'apple-darwin', win32: 'pc-windows-msvc' }[os]}`;
}

/** Whether npm has a package with the binary of this platform. */
function isPublished(libc) {
  return optionalDependencies === undefined
    ? napi.targets.includes(tripleOf(libc))
    : optionalDependencies[packageOf(libc)] !== undefined;
}

/** Whether this is a clone, where the binary can be built. Inside node_modules it is an installed copy of one, where it cannot. */
const isClone = optionalDependencies === undefined && !/[\\/]node_modules[\\/]/.test(HERE);

/** How to get the binary: build it in a clone, otherwise install it. Undefined if ralloc has none for this host. */
function remedy(libc) {
  if (isClone) return 'To build it: npm run build';
  if (!isPublished(libc)) return undefined;
  return `To install it: ${adding(HERE)} ${packageOf(libc)}@${version}`;
}

/** An error in one line: why there is no binary, and what to do about it. */
function unavailable(why, libc) {
  const what = remedy(libc);
  return new Error(what === undefined ? why : `${why}. ${what}`);
}

/** The error for a binary that is at none of its places. `isInstalled` tells whether a package is there. */
function missing(libc, isInstalled) {
  const name = packageOf(libc);
  if (isClone) return unavailable(`no binary for ${platformOf(libc)} was built`, libc);
  if (!isPublished(libc)) return unavailable(`ralloc has no binary for ${platformOf(libc)}`, libc);
  const other = packageOf(libc === 'musl' ? 'glibc' : 'musl');
  return libc !== undefined && isInstalled(other)
    ? unavailable(`${other} is installed, and this Node runs on ${libc}: it needs ${name}`, libc)
    : unavailable(`${name} is not installed`, libc);
}

module.exports = { libcs, missing, placesOf, unavailable };
