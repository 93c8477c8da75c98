'use strict';

// macOS on arm64 and x64: the core and its tests are checked, the binaries are built, linked and stripped as a release's are, and pass its check. Nothing
// here can run them.

const path = require('node:path');
const {
  RELEASE,
  bringCross,
  bringStrip,
  buildCross,
  crossCargo,
  crossEnv,
} = require('../lib/cross-build.js');
const { binaryFaults } = require('../release/check-binary.js');

const TRIPLES = ['aarch64-apple-darwin', 'x86_64-apple-darwin'];

function buildFor(root, tools, triple) {
  crossCargo(root, tools, triple, 'check', ['--lib', '--tests']);
  const binary = buildCross(root, tools, triple, RELEASE);
  const faults = binaryFaults(binary, crossEnv(root, tools, triple));
  if (faults.length > 0) throw new Error(`${path.basename(binary)}: ${faults.join(', ')}`);
  return binary;
}

module.exports = {
  name: 'macos',
  nodes: [],
  async bring(tools) {
    await bringCross(tools);
    await bringStrip(tools);
  },
  build: async (root, tools) => TRIPLES.map((triple) => buildFor(root, tools, triple)),
  runner: () => null,
  faults: [],
};
