'use strict';

// The platforms that ralloc is built for, and what their binaries and packages are called.

const path = require('node:path');
const { libcOfProcess } = require('../../lib/memory/binary-file.js');

const ROOT = path.join(__dirname, '..', '..');

/** What glibc a release asks for; Node 20 itself needs 2.28. */
const BUILT_FOR_GLIBC = '2.17';

/** A release waits for the tests of tier 1, and reports those of tier 2. `system` is as people call it. */
const target = (tier, platform, system) => {
  const [, machine, abi] = platform.split('-');
  return { tier, platform, system, machine, libc: { gnu: 'glibc', musl: 'musl' }[abi] };
};

/** By Rust's name. */
const TARGETS = {
  'x86_64-unknown-linux-gnu': target(1, 'linux-x64-gnu', 'Linux on x64, with glibc'),
  'aarch64-unknown-linux-gnu': target(1, 'linux-arm64-gnu', 'Linux on arm64, with glibc'),
  'x86_64-unknown-linux-musl': target(2, 'linux-x64-musl', 'Linux on x64, with musl (Alpine)'),
  'aarch64-unknown-linux-musl': target(2, 'linux-arm64-musl', 'Linux on arm64, with musl (Alpine)'),
  'x86_64-apple-darwin': target(2, 'darwin-x64', 'macOS on Intel'),
  'aarch64-apple-darwin': target(1, 'darwin-arm64', 'macOS on Apple silicon'),
  'x86_64-pc-windows-msvc': target(1, 'win32-x64-msvc', 'Windows on x64'),
  'aarch64-pc-windows-msvc': target(2, 'win32-arm64-msvc', 'Windows on arm64'),
};

/** By npm's name. */
const PLATFORMS = Object.fromEntries(Object.values(TARGETS).map((one) => [one.platform, one]));

const binaryName = (platform) => `ralloc.${platform}.node`;
const packageName = (platform) => `@ralloc/${platform}`;

/** @returns {string | undefined} the platform that a file's name has */
const platformOf = (file) => /^ralloc\.([\w-]+)\.node$/.exec(path.basename(file))?.[1];

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
  BUILT_FOR_GLIBC,
  PLATFORMS,
  TARGETS,
  binaryName,
  packageName,
  platformOf,
  hostTriple,
};
