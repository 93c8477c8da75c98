'use strict';

// macOS on arm64: the core and its tests are checked, the binary is built and linked. Nothing here can run it.

const { bringCross, buildCross, crossCargo } = require('../lib/cross-build.js');

const TRIPLE = 'aarch64-apple-darwin';

async function build(root, tools) {
  crossCargo(root, tools, TRIPLE, 'check', ['--lib', '--tests', '--features', 'allocator-api2']);
  return buildCross(root, tools, TRIPLE);
}

module.exports = {
  name: 'macos',
  nodes: [],
  bring: async (tools) => bringCross(tools),
  build,
  runner: () => null,
  faults: [],
};
