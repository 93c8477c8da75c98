'use strict';

// The binary of this host is missing, or is not the right one: gives a reason, and the command that
// helps.

const process = require('node:process');
const { napi, optionalDependencies } = require('../../package.json');
const { version } = require('../base/version.js');
const { adding } = require('./package-manager.js');
const { abiOf, packageOf, platformOf } = require('./platform.js');

/** A bundle that is an ES module has no __filename. */
const HERE = typeof __filename === 'string' ? __filename : '';

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

/**
 * Whether this is a clone, where the binary can be built. Inside node_modules it is an installed
 * copy of one, where it cannot.
 */
const isClone = optionalDependencies === undefined && !/[\\/]node_modules[\\/]/.test(HERE);

/**
 * How to get the binary: build it in a clone, otherwise install it. Undefined if ralloc has none
 * for this host.
 */
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

/**
 * The error for a binary that is at none of its places. `isInstalled` tells whether a package is
 * there.
 */
function missing(libc, isInstalled) {
  const name = packageOf(libc);
  if (isClone) return unavailable(`no binary for ${platformOf(libc)} was built`, libc);
  if (!isPublished(libc)) return unavailable(`ralloc has no binary for ${platformOf(libc)}`, libc);
  const other = packageOf(libc === 'musl' ? 'glibc' : 'musl');
  return libc !== undefined && isInstalled(other)
    ? unavailable(`${other} is installed, and this Node runs on ${libc}: it needs ${name}`, libc)
    : unavailable(`${name} is not installed`, libc);
}

module.exports = { missing, unavailable };
