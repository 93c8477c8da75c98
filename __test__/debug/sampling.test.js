'use strict';
// tier: run-time

// Which allocations are watched: in a clock that the test moves.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');

/** `settings`: level and rate. */
function sampling(settings) {
  const clock = new Clock();
  const module = clock.use(() => {
    const made = fresh('debug/watch/sampling.js', { 'debug/settings.js': { settings } });
    made.restart();
    return made;
  });
  /** How many of `count` allocations are watched. */
  const allocate = (count) =>
    clock.use(() => {
      let watched = 0;
      for (let i = 0; i < count; i++) if (module.isNext()) watched++;
      return watched;
    });
  return {
    clock,
    settings,
    restart: () => clock.use(module.restart),
    allocate,
    /** The same of `count` in each of so many periods. */
    allocateIn(periods, count) {
      let watched = 0;
      for (let i = 0; i < periods; i++) {
        watched += allocate(count);
        clock.pass(200);
      }
      return watched;
    },
  };
}

test('full watches all', (t) => {
  const { allocate } = sampling({ level: 'full', sampleEvery: 128 });
  t.is(allocate(10_000), 10_000);
});

test('off watches none', (t) => {
  for (const sampleEvery of [1, 128])
    t.is(sampling({ level: 'off', sampleEvery }).allocate(1000), 0);
});

test('sample watches one of so many', (t) => {
  const watched = sampling({ level: 'sample', sampleEvery: 8 }).allocateIn(100, 80);
  t.true(watched > 800 && watched < 1200, `${watched} of 8000`);
});

test('of a thread that allocates very much there are 20 in 200 ms, and then others', (t) => {
  const { allocate, clock } = sampling({ level: 'sample', sampleEvery: 128 });
  t.is(allocate(1_000_000), 20);
  clock.pass(199);
  t.is(allocate(1_000_000), 0);
  clock.pass(1);
  t.is(allocate(1_000_000), 20);
  t.deepEqual(
    clock.timers.map(({ refed }) => refed),
    [false],
    'and the process does not wait for the next',
  );
});

test('those of a period do not count in the next one', (t) => {
  const watched = sampling({ level: 'sample', sampleEvery: 2 }).allocateIn(40, 30);
  t.true(watched > 520, `${watched} of 1200`);
});

test('who asks for each of them gets each of them', (t) => {
  const { allocate } = sampling({ level: 'sample', sampleEvery: 1 });
  t.is(allocate(1_000_000), 1_000_000);
});

test('what is configured holds at once, also where nothing is watched for the time being', (t) => {
  const { allocate, restart, settings, clock } = sampling({ level: 'sample', sampleEvery: 2 });
  t.is(allocate(1000), 20);
  settings.level = 'full';
  restart();
  t.is(allocate(1000), 1000);
  t.deepEqual(clock.timers, []);
});
