'use strict';

// Decides which binary this host needs, and where to look for it.

const process = require('node:process');
const { libcOfProcess } = require('./binary-file.js');

const abiOf = (libc) => (libc === 'musl' ? 'musl' : 'gnu');

/**
 * napi-rs's name of a platform, which binaries have in their names; only on Linux `libc` is a part
 * of it.
 */
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

/**
 * Where to look for the binary: a built one, or one beside a bundle, comes before an installed one.
 */
function placesOf(libc) {
  const file = `ralloc.${platformOf(libc)}.node`;
  return [`../../${file}`, `./${file}`, packageOf(libc)];
}

module.exports = { abiOf, libcs, packageOf, placesOf, platformOf };
