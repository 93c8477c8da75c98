'use strict';

// Which binary this host needs, and what is said where it is not there: a reason, and the command that helps.

const process = require('node:process');
const { napi, optionalDependencies, version } = require('../../package.json');
const { libcOfProcess } = require('./binary-file.js');
const { adding } = require('./package-manager.js');

/** A bundle that is a module has no __filename. */
const HERE = typeof __filename === 'string' ? __filename : '';

const abiOf = (libc) => (libc === 'musl' ? 'musl' : 'gnu');

/** What a platform's binaries are called, as napi-rs does; `libc` only tells them apart on Linux. */
function platformOf(libc) {
  const { platform: os, arch } = process;
  if (os === 'linux') return `linux-${arch}-${abiOf(libc)}`;
  return os === 'win32' ? `win32-${arch}-msvc` : `${os}-${arch}`;
}

const packageOf = (libc) => `@ralloc/${platformOf(libc)}`;

/** The C libraries whose binaries may be tried: the one of this process, or both where nothing tells which it is. */
function libcs() {
  if (process.platform !== 'linux') return [undefined];
  const libc = libcOfProcess();
  return libc === undefined ? ['glibc', 'musl'] : [libc];
}

/** Where its binary may lie: one that was built here, or copied beside a bundle, goes before an installed one. */
function placesOf(libc) {
  const file = `ralloc.${platformOf(libc)}.node`;
  return [`../../${file}`, `./${file}`, packageOf(libc)];
}

/** Rust's name of this platform, as package.json of a clone has it. */
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

/** A clone, where the binary is built. Inside node_modules that is a copy of one, as of a git address: nothing can be built there. */
const isClone = optionalDependencies === undefined && !/[\\/]node_modules[\\/]/.test(HERE);

/** What gets the binary: in a clone it is built, elsewhere installed. Undefined where ralloc has none for this host. */
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

/** For a binary that is at none of its places; `isInstalled` answers for a package. */
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
