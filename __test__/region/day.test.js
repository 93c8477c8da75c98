'use strict';
// tier: run-time

// Two days of a server whose sessions and cached responses live in a region: bench/fixtures/day.js says how they are distributed,
// and prints a longer one.

const test = require('ava');
const { Region } = require('../..');
const { Day } = require('../../bench/fixtures/day.js');
const { isNative } = require('../helpers/backend.js');
const { unsound } = require('../helpers/region.js');

const REQUESTS = 25_000; // a day
const NIGHT = 0.3; // of the load, up to which free pages are given back

for (const options of [{}, { guard: true, autoFree: true }, { chunkSize: 2 ** 20 }]) {
  test(`two days of sessions and cached responses, with ${JSON.stringify(options)}`, (t) => {
    const region = new Region({ maxBytes: 12e6, collectWhenIdle: false, ...options });
    const day = new Day(region, REQUESTS, 7);
    day.run(2);
    t.deepEqual(day.wrong, []);
    t.true(day.evicted > 1000, 'the limit was met');
    t.is(day.hours.length, 48);
    for (const { hour, load, live, ...stats } of day.hours) {
      t.deepEqual(unsound({ ...stats, held: live }), [], `${hour}:00`);
      if (load > NIGHT || !isNative) continue;
      const { committed, used } = stats;
      t.true(committed < 1.5 * used + 500_000, `${hour}:00: ${committed} bytes for ${used}`);
    }
    t.like(region.stats(), { held: 0, used: 0, inFlight: 0, refused: 0 });
    region.collect();
    t.like(region.stats(), { taken: 0, reserved: 0 });
    region.close();
  });
}
