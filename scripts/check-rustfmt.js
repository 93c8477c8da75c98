'use strict';

// rustfmt finds nothing to change.

const { cargo } = require('./cargo.js');

process.exitCode = cargo(['fmt', '--all', '--', '--check']) ? 0 : 1;
