'use strict';
// tier: tools

// Which collections a recorder asks for: each that V8 does not want costs the application more than its time.

const test = require('ava');
const { preloaded } = require('../../helpers/profile.js');

const env = { RALLOC_PROFILE_RATE: '1' }; // each is a sample

test('none is asked for where all that lives has survived two', async (t) => {
  const { code, stderr, result } = await preloaded(t, 'collects.js', { args: ['keeps'], env });
  t.is(code, 0, stderr);
  t.true(result.minors <= 5, `${result.minors} in 16 ticks`);
});

test('none is asked for where V8 has just made one of any kind', async (t) => {
  const execArgv = ['--expose-gc'];
  const options = { args: ['collects'], execArgv, env };
  const { code, stderr, result } = await preloaded(t, 'collects.js', options);
  t.is(code, 0, stderr);
  t.true(result.minors <= 3, `${result.minors} in 16 ticks`);
});
