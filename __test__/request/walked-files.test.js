'use strict';
// tier: run-time

const path = require('node:path');
const test = require('ava');
const { run } = require('../helpers/child.js');

const SCRIPT = path.join(__dirname, '..', '..', 'scripts', 'walked-files.js');
const MOST = { beginning: 6, 'first allocation': 8, end: 6 };

test('a request walks through few files of lib/', async (t) => {
  const env = { NODE_V8_COVERAGE: '' }; // which would set the same counters to 0
  const { code, stdout, stderr } = await run('', { path: SCRIPT, env });
  t.is(code, 0, stderr);
  const counts = [...stdout.matchAll(/^(\S.*): (\d+) files$/gm)];
  const seen = Object.fromEntries(counts.map(([, step, count]) => [step, Number(count)]));
  t.deepEqual(Object.keys(seen), Object.keys(MOST));
  for (const [step, most] of Object.entries(MOST))
    t.true(seen[step] > 0 && seen[step] <= most, stdout);
});
