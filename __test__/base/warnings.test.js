'use strict';

const test = require('ava');
const { run } = require('../helpers/child.js');

test('a warning is given once for each cause, with a code and the type RallocWarning', async (t) => {
  const { code, stderr, result } = await run('base/warns.js');
  t.is(code, 0, stderr);
  t.deepEqual(
    result.map(({ code: warning }) => warning),
    ['RALLOC_HOLD_EXPIRED', 'RALLOC_LEASED_LONG'],
  );
  for (const { name, message } of result) {
    t.is(name, 'RallocWarning');
    t.notRegex(message, /undefined|\n/);
  }
  t.regex(result[0].message, /0\.02 s/);
});

test('what nobody listens for is printed, in one line', async (t) => {
  const { stderr } = await run('base/warns.js', { args: ['quiet'] });
  const lines = stderr.split('\n').filter((line) => line.includes('RALLOC_HOLD_EXPIRED'));
  t.is(lines.length, 1);
  t.regex(lines[0], /RallocWarning: a hold was not released within 0\.02 s/);
});

test('a healthy arena warns of nothing', async (t) => {
  const { code, stderr } = await run('base/healthy.js', { env: { RALLOC_BACKEND: 'js' } });
  t.is(code, 0);
  t.is(stderr, '');
});
