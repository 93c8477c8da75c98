'use strict';

// clippy finds nothing: in the core with its tests, as it is and with its debug mode, in the core without its optional allocator, and in the bindings. Those only as a
// library: with napi linked no test program links (the symbols are node's).

const { cargo } = require('./lib/cargo.js');

const STRICT = ['--', '-D', 'warnings'];

process.exitCode = cargo(
  ['clippy', '--all-targets', ...STRICT],
  ['clippy', '--lib', '--tests', '--features', 'debug', ...STRICT],
  ['clippy', '--lib', '--no-default-features', ...STRICT],
  ['clippy', '--workspace', '--lib', ...STRICT],
)
  ? 0
  : 1;
