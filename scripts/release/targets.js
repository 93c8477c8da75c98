'use strict';

// The platforms that ralloc is built for, and what their binaries and packages are called.

const path = require('node:path');
const { libcOfProcess } = require('../../lib/memory/binary-file.js');

const ROOT = path.join(__dirname, '..', '..');

/** What glibc a release asks for; Node 20 itself needs 2.28. */
const BUILT_FOR_GLIBC = '2.17';

/** By Rust's name: npm's name, the machine, and the C library where there are several. */
const TARGETS = {
  'x86_64-unknown-linux-gnu': { platform: 'linux-x64-gnu', machine: 'x64', libc: 'glibc' },
  'aarch64-unknown-linux-gnu': { platform: 'linux-arm64-gnu', machine: 'arm64', libc: 'glibc' },
  'x86_64-unknown-linux-musl': { platform: 'linux-x64-musl', machine: 'x64', libc: 'musl' },
  'aarch64-unknown-linux-musl': { platform: 'linux-arm64-musl', machine: 'arm64', libc: 'musl' },
  'x86_64-apple-darwin': { platform: 'darwin-x64', machine: 'x64' },
  'aarch64-apple-darwin': { platform: 'darwin-arm64', machine: 'arm64' },
  'x86_64-pc-windows-msvc': { platform: 'win32-x64-msvc', machine: 'x64' },
  'aarch64-pc-windows-msvc': { platform: 'win32-arm64-msvc', machine: 'arm64' },
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
