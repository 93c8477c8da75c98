'use strict';

// The import rules of the house, for src/, and for lib/ and tools/. `--self-test` proves that each rule can fail.

const path = require('node:path');
const { runCheck } = require('./lib/check.js');
const { checkJavaScript, pictureOf } = require('./lib/imports-js.js');
const { checkRust } = require('./lib/imports-rust.js');

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
        "const { A } = require('./arena/arena.js');",
        'module.exports = { A };',
      ],
      'lib/index.mjs': [
        "import a from './index.js';",
        'export const { A } = a;',
        'export default a;',
      ],
      'lib/express.js': ["const { r } = require('./request/requests.js');"],
      'lib/request/requests.js': ["require('../site/site.js'); require('../node/guard/fs.js');"],
      'lib/site/site.js': ["require('../arena/arena.js'); require('../slab/slab.js');"],
      'lib/arena/arena.js': ["require('./window.js'); require('../memory/fallback/depot.js');"],
      'lib/arena/window.js': ["require('../base/errors.js');"],
      'lib/slab/slab.js': ["const fs = require('fs'); // console.log(require('express'))"],
      'lib/node/guard/fs.js': ["require('node:fs'); require('../../memory/native.js');"],
      'lib/memory/native.js': [
        'createRequire(__filename)(name); require(name); require("../../a.node");',
        'require("../../package.json"); require("@ralloc/linux-x64-gnu");',
      ],
      'lib/memory/fallback/depot.js': ["require('../native.js');"],
      'lib/base/errors.js': [
        'const text = "see require(\'express\') and console.log";',
        'const r = /console.log/;',
      ],
      'lib/debug/report.js': ["require('../request/requests.js');"],
      'lib/base/lazy.js': ['delete require.cache[file];'],
      'lib/profiler.js': [
        "const { lazy } = require('./base/lazy.js');",
        "const load = lazy(() => require('../tools/recorder/profiler.js'));",
        "const pprofs = lazy(() => require('../tools/cli/pprof.js'));",
      ],
      'tools/cli/pprof.js': ["require('../report/page.js'); require('./dist/pprof.js');"],
      'lib/auto/follow.js': ["require('./dist/acorn.js'); require('../site/site.js');"],
      'tools/recorder/profiler.js': ["require('../../lib/auto/follow.js');"],
      'tools/placement/rules.js': ["require('../recorder/profiler.js');"],
      'tools/report/page/main.mjs': ["import chart from 'uplot'; console.log(chart);"],
      'tools/report/page.js': ["require('../placement/rules.js');"],
      'tools/cli/index.js': [
        "const { A } = require('../../lib/index.js'); require('./dist/bundle.js');",
        "console.log(A); require('../../lib/auto/dist/acorn.js');",
      ],
    },
    wrong: [],
  },
  {
    name: 'JavaScript upward',
    files: {
      'lib/base/errors.js': ["require('../memory/native.js');"],
      'lib/memory/native.js': ["require('../arena/window.js');"],
      'lib/memory/fallback/arena.js': ["require('../../slab/slab.js');"],
      'lib/node/guard/fs.js': ["require('../../arena/window.js');"],
      'lib/arena/window.js': ["require('../request/request.js');"],
      'lib/slab/slab.js': ["require('../site/site.js');"],
      'lib/site/site.js': ["require('../request/request.js');"],
      'lib/request/request.js': ["require('../express.js');"],
      'lib/express.js': ["require('./index.js');"],
      'lib/index.js': ["require('./test.js');", "require('../tools/recorder/profiler.js');"],
      'lib/test.js': ["require('./http.js');"],
      'lib/http.js': ["require('../tools/cli/index.js');"],
      'lib/profiler.js': [
        "const load = lazy(() => require('../tools/recorder/profiler.js'));",
        "require('../tools/report/page.js');",
      ],
      'tools/recorder/profiler.js': ["require('../placement/rules.js');"],
      'tools/placement/rules.js': ["require('../report/page.js');"],
      'tools/report/page.js': ["require('../cli/index.js');"],
      'tools/cli/index.js': [],
    },
    wrong: [
      'lib/base/errors.js:1',
      'lib/memory/native.js:1',
      'lib/memory/fallback/arena.js:1',
      'lib/node/guard/fs.js:1',
      'lib/arena/window.js:1',
      'lib/slab/slab.js:1',
      'lib/site/site.js:1',
      'lib/request/request.js:1',
      'lib/express.js:1',
      'lib/index.js:2',
      'lib/test.js:1',
      'lib/http.js:1',
      'lib/profiler.js:2',
      'tools/recorder/profiler.js:1',
      'tools/placement/rules.js:1',
      'tools/report/page.js:1',
    ],
  },
  {
    name: 'JavaScript that loads tools/ at once',
    files: {
      'lib/profiler.js': ['', "const { profiler } = require('../tools/recorder/profiler.js');"],
      'tools/recorder/profiler.js': [],
    },
    wrong: ['lib/profiler.js:2'],
  },
  {
    name: 'JavaScript that loads tools/ lazily, and at once',
    files: {
      'lib/profiler.js': [
        "const load = lazy(() => require('../tools/recorder/profiler.js'));",
        "require('../tools/recorder/profiler.js');",
      ],
      'tools/recorder/profiler.js': [],
    },
    wrong: ['lib/profiler.js:1', 'lib/profiler.js:2'],
  },
  {
    name: 'JavaScript sideways',
    files: {
      'lib/express.js': ["require('./koa.js');"],
      'lib/koa.js': ["require('./auto/hooks.js');"],
      'lib/auto/hooks.js': [],
      'lib/slab/slab.js': ['', "require('../arena/arena.js');"],
      'lib/arena/arena.js': ["require('../region/region.js');"],
      'lib/region/region.js': [],
      'lib/node/guard/fs.js': ["require('../../budget/budget.js');"],
      'lib/budget/budget.js': [],
    },
    wrong: [
      'lib/express.js:1',
      'lib/koa.js:1',
      'lib/slab/slab.js:2',
      'lib/arena/arena.js:1',
      'lib/node/guard/fs.js:1',
    ],
  },
  {
    name: 'JavaScript in a circle, and in a room without a floor',
    files: {
      'lib/arena/a.js': ["require('./b.js');"],
      'lib/arena/b.js': ["require('./c.js');"],
      'lib/arena/c.js': ["require('./a.js');"],
      'lib/attic/box.js': [],
      'lib/tools.js': [],
      'tools/attic/box.js': [],
    },
    wrong: ['lib/arena/a.js:1', 'lib/attic/box.js:1', 'lib/tools.js:1', 'tools/attic/box.js:1'],
  },
  {
    name: 'JavaScript out of lib/ and tools/, and by other doors',
    files: {
      'lib/koa.js': ["require('koa');"],
      'lib/request/request.js': [
        "import('express');",
        "require('../../demo/run.js');",
        "require('./missing.js');",
        "require('../memory/native');",
        "require('@ralloc/linux-x64-gnu');",
        "require('../../ralloc.linux-x64-gnu.node');",
        "require('../auto/dist/acorn.js');",
      ],
      'lib/memory/native.js': ['require(name);'],
      'lib/memory/depot.js': [
        'require(name);',
        `require(\`./\${name}.js\`);`,
        'const load = require;',
        'createRequire(__filename);',
        'process.dlopen(module, file);',
      ],
    },
    wrong: [
      'lib/koa.js:1',
      ...[1, 2, 3, 4, 5, 6, 7].map((line) => `lib/request/request.js:${line}`),
      ...[1, 2, 3, 4, 5].map((line) => `lib/memory/depot.js:${line}`),
    ],
  },
  {
    name: 'JavaScript that prints, and a table of contents with logic',
    files: {
      'lib/arena/arena.js': ['', "console.error('x');", 'process.stdout.write(`x`);'],
      'tools/report/page.js': ["console.log('x');"],
      'lib/index.js': [
        "const a = require('./arena/arena.js');",
        'module.exports = { a, f: () => a };',
        "const later = lazy(() => require('./arena/arena.js'));",
      ],
    },
    wrong: [
      'lib/arena/arena.js:2',
      'lib/arena/arena.js:3',
      'tools/report/page.js:1',
      'lib/index.js:2',
    ],
  },
];

// `--picture [folder]` draws the rooms of lib/ and tools/ and the arrows between them.
const picture = process.argv.indexOf('--picture');
if (picture === -1) runCheck((root) => [...checkRust(root), ...checkJavaScript(root)], CASES);
else console.log(pictureOf(process.argv[picture + 1] ?? path.join(__dirname, '..')));
