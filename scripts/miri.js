'use strict';

// The core's tests in Miri, which finds undefined behaviour, over the heap of src/os/pages/heap.rs. It needs the components
// miri and rust-src of a nightly toolchain, which not every machine can have, so it is no part of .ci/run.
// `node scripts/miri.js slab::threads` runs those tests alone.

const { cargo } = require('./lib/cargo.js');

/** Tests that it does not run, and why. */
const SKIPPED = [
  ['layout::', 'has no unsafe code'],
  ['a_full_class_overflows_into_the_retired_list', 'a thousand chunks take it a minute'],
  ['a_number_that_is_used_up_is_given_again', 'three thousand participants'],
  ['the_limit_counts_chunks_and_records', '87,000 blocks'],
];
// src/memory/retained.rs keeps addresses as numbers; and tests end with memory that JavaScript would still have, which
// nobody may free. What should go back, they count themselves.
process.env.MIRIFLAGS ??= '-Zmiri-permissive-provenance -Zmiri-ignore-leaks';

const skipped = SKIPPED.flatMap(([name]) => ['--skip', name]);
const filters = process.argv.slice(2);
process.exitCode = cargo(['+nightly', 'miri', 'test', '--lib', '--', ...skipped, ...filters])
  ? 0
  : 1;
