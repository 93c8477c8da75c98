'use strict';
// tier: run-time

// Copies of ralloc in one process, each with a debug mode of its own.

const test = require('ava');
const { run } = require('../helpers/child.js');

const copies = (level) =>
  run('debug/copies.js', {
    execArgv: ['--max-old-space-size=100'],
    env: { RALLOC_DEBUG: level, NODE_V8_COVERAGE: '' },
  });

test('each copy tells at the end what of its own is left, behind the application’s listeners', async (t) => {
  const { code, stderr } = await copies('full');
  t.is(code, 0, stderr);
  const told = [...stderr.matchAll(/RALLOC_W_LEAK\].* of the slab '(.*?)'/g)];
  t.deepEqual(told.map(([, name]) => name).sort(), ['of copy 1', 'of copy 2']);
});

test('in `sample` the process ends too', async (t) => {
  t.is((await copies('sample')).code, 0);
});
