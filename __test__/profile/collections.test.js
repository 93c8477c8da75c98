'use strict';

// Which collections a recorder asks for: each that V8 does not want costs the application more than its time.

const test = require('ava');
const time = require('../../lib/base/time.js');
const { Collections } = require('../../lib/profile/collections.js');
const { preloaded } = require('../helpers/profile.js');
const { until } = require('../helpers/until.js');

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

test('five times the pause of the last one is within the share that they may take', async (t) => {
  const share = 0.01;
  const collections = new Collections(share);
  collections.start();
  t.teardown(() => collections.stop());
  t.true(collections.ask(time.now(), 0));
  await until(() => {
    collections.note();
    return collections.lastMinor > 0;
  });
  const next = collections.lastMinor + (5 * collections.takeSpent()) / share;
  const { now } = time;
  time.now = () => next + 10_000; // of no interest to others that ask
  t.teardown(() => Object.assign(time, { now }));
  t.false(collections.ask(next - 0.001, 0));
  t.true(collections.ask(next + 0.001, 0));
});
