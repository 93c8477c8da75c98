'use strict';

// Loaded by ava before each test file (ava.config.mjs). Coverage counts lib/ and tools/ (package.json, `c8`), which their own tests reach. What
// the tests of these folders start would take twice as long with it, and most of it is neither: npm, compilers, servers of the demo.

const path = require('node:path');
const test = require('ava');

const UNCOUNTED = ['bench', 'demo', 'docs', 'examples', 'package'];

if (UNCOUNTED.includes(path.basename(path.dirname(test.meta.file))))
  delete process.env.NODE_V8_COVERAGE; // Node gives it to every child of a process that has it
