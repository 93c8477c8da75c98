'use strict';

// The napi program of this clone's node_modules, run by this node: no npx, no network.

const path = require('node:path');

/** What every build of the binary has in common; see addon/Cargo.toml. */
const BUILD_FLAGS = [
  ...['--manifest-path', 'addon/Cargo.toml', '--profile', 'addon'],
  ...['--platform', '--no-js'],
];

/** @returns {string | null} its file, null when it is not installed */
function findNapi(root) {
  try {
    const manifest = require.resolve('@napi-rs/cli/package.json', { paths: [root] });
    return path.join(path.dirname(manifest), require(manifest).bin.napi);
  } catch {
    return null;
  }
}

module.exports = { BUILD_FLAGS, findNapi };
