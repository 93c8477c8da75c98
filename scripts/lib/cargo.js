'use strict';

// Runs cargo for the checks, wherever it is.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { findToolchain } = require('./toolchain.js');

/** @returns {boolean} whether every one of the command lines ended well */
function cargo(...commands) {
  const toolchain = findToolchain();
  if (toolchain.problem) {
    console.error(`cannot run cargo: ${toolchain.problem}`);
    return false;
  }
  return commands
    .map((args) => {
      const { status } = spawnSync(toolchain.cargo, args, {
        cwd: path.join(__dirname, '..', '..'),
        env: toolchain.env,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      if (status !== 0) console.error(`failed: cargo ${args.join(' ')}`);
      return status === 0;
    })
    .every(Boolean);
}

module.exports = { cargo };
