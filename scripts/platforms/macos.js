'use strict';

// macOS on arm64 and x64: the core and its tests are checked, the binaries are built, linked, and read as a release's are. Nothing here can run them.

const fs = require('node:fs');
const path = require('node:path');
const { bringCross, buildCross, crossCargo } = require('../lib/cross-build.js');
const { machFaults } = require('../release/check-binary.js');
const { TARGETS } = require('../release/targets.js');

const TRIPLES = ['aarch64-apple-darwin', 'x86_64-apple-darwin'];

function buildFor(root, tools, triple) {
  crossCargo(root, tools, triple, 'check', ['--lib', '--tests', '--features', 'allocator-api2']);
  const binary = buildCross(root, tools, triple);
  const faults = machFaults(fs.readFileSync(binary), TARGETS[triple]);
  if (faults.length > 0) throw new Error(`${path.basename(binary)}: ${faults.join(', ')}`);
  return binary;
}

module.exports = {
  name: 'macos',
  nodes: [],
  bring: async (tools) => bringCross(tools),
  build: async (root, tools) => TRIPLES.map((triple) => buildFor(root, tools, triple)),
  runner: () => null,
  faults: [],
};
