'use strict';

// clippy finds nothing: in the core with its tests, with and without its optional allocator, with its debug mode, and in the bindings. Those only as a library: with
// napi linked no test program links (the symbols are node's).

const { cargo } = require('./lib/cargo.js');

const STRICT = ['--', '-D', 'warnings'];

process.exitCode = cargo(
  ['clippy', '--all-targets', '--no-default-features', ...STRICT],
  ['clippy', '--all-targets', ...STRICT],
  ['clippy', '--all-targets', '--features', 'debug', ...STRICT],
  ['clippy', '--workspace', '--lib', ...STRICT],
)
  ? 0
  : 1;
