'use strict';

// Files stay short: about 400 lines of Rust, 250 of JavaScript ("about" is an eighth more here); a longer
// one holds two nouns. An adapter has 60. `--self-test` proves that a long file is found.

const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');

const LIMITS = [
  { files: /^lib\/(express|fastify|koa|hono|http)\.js$/, lines: 60 },
  { files: /\.rs$/, lines: 450 },
  { files: /\.(js|mjs|cjs)$/, lines: 280 },
];

function checkLength(root) {
  return listFiles(root).flatMap((file) => {
    const limit = LIMITS.find((one) => one.files.test(file))?.lines ?? Infinity;
    const lines = readFile(root, file).trimEnd().split('\n').length;
    return lines > limit
      ? [{ file, line: limit + 1, what: `${lines} lines, more than ${limit}` }]
      : [];
  });
}

const CASES = [
  {
    name: 'lengths',
    files: {
      'a.js': Array(280).fill('x'),
      'b.js': Array(281).fill('x'),
      'c.rs': Array(450).fill('x'),
      'd.rs': Array(451).fill('x'),
      'e.md': Array(5000).fill('x'),
      'lib/koa.js': Array(61).fill('x'),
    },
    wrong: ['b.js:281', 'd.rs:451', 'lib/koa.js:61'],
  },
];

runCheck(checkLength, CASES);
