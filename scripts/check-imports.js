'use strict';

// The import rules of the house, for src/ and for lib/. `--self-test` proves that each rule can fail.

const { runCheck } = require('./check.js');
const { checkJavaScript } = require('./imports-js.js');
const { checkRust } = require('./imports-rust.js');

const CASES = [
  {
    name: 'Rust as it should be',
    files: {
      'src/lib.rs': [
        'pub mod arena;',
        '#[cfg(feature = "node")]',
        'mod node;',
        'pub use arena::Arena;',
      ],
      'src/node/mod.rs': [
        'use napi_derive::napi;',
        'use crate::{arena::Arena, os};',
        '#[napi]',
        'fn f() {}',
      ],
      'src/arena/mod.rs': [
        'use crate::memory::Mapping; // not crate::slab::Pool',
        'use super::error::E;',
      ],
      'src/arena/chunk.rs': ["fn f<'a>() { super::g(); crate::layout::up(1) } // '{'"],
      'src/memory/mod.rs': ['use crate::os; /* libc::mmap /* nested */ libc::mmap */'],
      'src/os/unix.rs': [
        'pub fn map() { unsafe { libc::mmap() } }',
        'const S: &str = "std::sync::atomic";',
      ],
      'src/sync.rs': ['pub use std::sync::atomic;', '#[cfg(loom)] pub use loom::sync::atomic;'],
      'src/error.rs': ['use crate::layout::Size;'],
      'src/layout.rs': ['pub struct Size;'],
    },
    wrong: [],
  },
  {
    name: 'Rust upward and sideways',
    files: {
      'src/os/mod.rs': ['use crate::memory::Mapping;'],
      'src/memory/mod.rs': ['fn f() { crate::arena::Arena::new() }'],
      'src/arena/mod.rs': ['use crate::{', '  error::E,', '  slab::Pool,', '};'],
      'src/slab/pool.rs': [
        'use super::super::region::Region;',
        'mod tests { use super::super::super::arena::A; }',
      ],
      'src/stats.rs': ['use crate::os::page_size;'],
      'src/lifetime/table.rs': ['use crate::memory::Depot;'],
      'src/attic.rs': ['use crate::os::page_size;'],
    },
    wrong: [
      'src/os/mod.rs:1',
      'src/memory/mod.rs:1',
      'src/arena/mod.rs:1',
      'src/slab/pool.rs:1',
      'src/slab/pool.rs:2',
      'src/stats.rs:1',
      'src/lifetime/table.rs:1',
      'src/attic.rs:1',
    ],
  },
  {
    name: 'Rust past the doors',
    files: {
      'src/arena/mod.rs': [
        '',
        'use std::{sync::{atomic::AtomicU32, Arc}};',
        '#[napi]',
        'fn f() {}',
      ],
      'src/memory/depot.rs': [
        'fn f() { unsafe { libc::munmap() } }',
        'fn g(x: core::sync::atomic::AtomicU8) {}',
      ],
      'src/layout.rs': ['#[cfg_attr(feature = "node", napi)]', 'use loom::thread;'],
    },
    wrong: [
      'src/arena/mod.rs:2',
      'src/arena/mod.rs:3',
      'src/memory/depot.rs:1',
      'src/memory/depot.rs:2',
      'src/layout.rs:1',
      'src/layout.rs:2',
    ],
  },
  {
    name: 'Rust in circles, also through what a module re-exports, and between a module and its own',
    files: {
      'src/lib.rs': ['pub mod memory;', 'pub use memory::Depot;'],
      'src/memory/mod.rs': ['mod depot;', 'mod mapping;', 'pub use depot::Depot;'],
      'src/memory/depot.rs': ['use super::mapping::Mapping;'],
      'src/memory/mapping.rs': ['fn f(depot: &super::Depot) {}'],
      'src/slab/mod.rs': ['mod pool;', 'use pool::Pool;', 'pub struct Slab;'],
      'src/slab/pool.rs': ['use super::Slab;', 'mod tests;'],
      'src/slab/pool/tests.rs': ['use super::Pool;', 'use crate::slab::Slab;'],
    },
    wrong: ['src/memory/depot.rs:1'],
  },
  {
    name: 'JavaScript as it should be',
    files: {
      'package.json': '{}',
      'lib/index.js': [
        "'use strict';",
        "const { A } = require('./arena.js');",
        'module.exports = { A };',
      ],
      'lib/index.mjs': [
        "import a from './index.js';",
        'export const { A } = a;',
        'export default a;',
      ],
      'lib/express.js': ["const { r } = require('./request-arena.js');"],
      'lib/request-arena.js': ["const { A } = require('./arena.js');"],
      'lib/arena.js': [
        "require('./native.js'); require('./errors.js'); require('./chunk-pool.js');",
      ],
      'lib/chunk-pool.js': ["const fs = require('fs'); // console.log(require('express'))"],
      'lib/native.js': ['require(name); require("../a.node"); require("../package.json");'],
      'lib/errors.js': [
        'const text = "see require(\'express\') and console.log";',
        'const r = /console.log/;',
      ],
      'lib/cli/main.js': ["const { A } = require('../index.js');", 'console.log(A);'],
    },
    wrong: [],
  },
  {
    name: 'JavaScript upward, sideways, round and out',
    files: {
      'lib/express.js': ["require('./koa.js');"],
      'lib/koa.js': ["require('koa');"],
      'lib/arena.js': [
        "require('./request-arena.js');",
        "import('express');",
        "require('../demo/run.js');",
      ],
      'lib/request-arena.js': ["require('./missing.js');", "require('@ralloc/linux-x64-gnu');"],
      'lib/native.js': ["require('./slab.js');"],
      'lib/slab.js': ["require('./region.js');"],
      'lib/region.js': ["require('./slab.js');", 'require(name);'],
      'lib/errors.js': ["require('./native.js');"],
    },
    wrong: [
      'lib/express.js:1',
      'lib/koa.js:1',
      'lib/arena.js:1',
      'lib/arena.js:2',
      'lib/arena.js:3',
      'lib/request-arena.js:1',
      'lib/request-arena.js:2',
      'lib/native.js:1',
      'lib/region.js:2',
      'lib/errors.js:1',
      'lib/slab.js:1', // the cycle, once
    ],
  },
  {
    name: 'JavaScript that prints, and a table of contents with logic',
    files: {
      'lib/arena.js': ['', "console.error('x');", 'process.stdout.write(`x`);'],
      'lib/index.js': ["const a = require('./arena.js');", 'module.exports = { a, f: () => a };'],
    },
    wrong: ['lib/arena.js:2', 'lib/arena.js:3', 'lib/index.js:2'],
  },
];

runCheck((root) => [...checkRust(root), ...checkJavaScript(root)], CASES);
