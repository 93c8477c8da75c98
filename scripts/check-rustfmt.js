'use strict';

// rustfmt finds nothing to change.

const { cargo } = require('./lib/cargo.js');

process.exitCode = cargo(
  ['fmt', '--all', '--', '--check'],
  ['fmt', '--manifest-path', 'bench/core/Cargo.toml', '--', '--check'],
)
  ? 0
  : 1;
