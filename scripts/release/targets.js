'use strict';

// The platforms that ralloc is built for, and what their binaries and packages are called.

const path = require('node:path');
const { libcOfProcess } = require('../../lib/memory/binary-file.js');

const ROOT = path.join(__dirname, '..', '..');

/** What glibc a release asks for; Node 20 itself needs 2.28. */
const BUILT_FOR_GLIBC = '2.17';

const target = (tier, platform, machine, libc) => ({
  platform,
  machine,
  ...(libc === undefined ? {} : { libc }),
  tier,
});

/**
 * By Rust's name: npm's name, the machine, and the C library where there are several. A release waits for the tests of
 * tier 1, and reports those of tier 2.
 */
const TARGETS = {
  'x86_64-unknown-linux-gnu': target(1, 'linux-x64-gnu', 'x64', 'glibc'),
  'aarch64-unknown-linux-gnu': target(1, 'linux-arm64-gnu', 'arm64', 'glibc'),
  'x86_64-unknown-linux-musl': target(2, 'linux-x64-musl', 'x64', 'musl'),
  'aarch64-unknown-linux-musl': target(2, 'linux-arm64-musl', 'arm64', 'musl'),
  'x86_64-apple-darwin': target(2, 'darwin-x64', 'x64'),
  'aarch64-apple-darwin': target(1, 'darwin-arm64', 'arm64'),
  'x86_64-pc-windows-msvc': target(1, 'win32-x64-msvc', 'x64'),
  'aarch64-pc-windows-msvc': target(2, 'win32-arm64-msvc', 'arm64'),
};

const binaryName = (platform) => `ralloc.${platform}.node`;
const packageName = (platform) => `@ralloc/${platform}`;

/** @returns {string | undefined} the platform that a file's name has */
function platformOf(file) {
  return /^ralloc\.([\w-]+)\.node$/.exec(path.basename(file))?.[1];
}

/** @returns {string | undefined} Rust's name of this host; undefined where no binary is built for it */
function hostTriple() {
  const { platform: os, arch } = process;
  let platform = `${os}-${arch}`;
  if (os === 'linux') platform += libcOfProcess() === 'musl' ? '-musl' : '-gnu';
  if (os === 'win32') platform += '-msvc';
  return Object.keys(TARGETS).find((triple) => TARGETS[triple].platform === platform);
}

module.exports = {
  ROOT,
  TARGETS,
  BUILT_FOR_GLIBC,
  binaryName,
  packageName,
  platformOf,
  hostTriple,
};
