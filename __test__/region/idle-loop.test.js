'use strict';
// tier: run-time

// collectWhenIdle from end to end: ralloc's own timer and the real event loop, of which nothing is replaced. The looks at its
// utilization are counted, so that a burst lasts for as many as are wanted, however slow the machine is.

const { performance } = require('node:perf_hooks');

let looks = 0;
const { eventLoopUtilization } = performance;
performance.eventLoopUtilization = (...args) => {
  if (args.length === 0) looks++;
  return eventLoopUtilization(...args);
};

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const { Region } = require('../..');
const { isNative } = require('../helpers/backend.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { fresh } = require('../helpers/fresh.js');
const { soundRegion } = require('../helpers/region.js');
const { until } = require('../helpers/until.js');

const MiB = 2 ** 20;
const PAUSE_MS = 50; // between two looks, so that the event loop waits under an emulator too

/** 30 MiB in entries, of which every eighth is held. */
function sparse(options) {
  const region = new Region(options);
  const all = Array.from({ length: 300 }, (_, i) => stamp(region.allocUnsafe(100_000), i));
  const kept = all.filter((_, i) => i % 8 === 0);
  for (const [i, buffer] of all.entries()) if (i % 8 !== 0) region.free(buffer);
  return { region, kept };
}

function work(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** A burst that lasts for so many looks: turns of 5 ms of work, in each of which a Buffer comes and goes. */
async function burst(region, count) {
  for (const last = looks + count; looks < last; ) {
    work(5);
    region.free(region.allocUnsafe(1000));
    await turn();
  }
}

test.serial(
  'nothing goes back in a burst, and all that is free does when the event loop waits',
  async (t) => {
    const { region, kept } = sparse({});
    const { region: patient } = sparse({ collectWhenIdle: false });
    const before = region.stats();
    await burst(region, 2);
    t.like(region.stats(), { collected: 0, reserved: before.reserved });

    if (isNative) {
      await until(() => region.stats().collected > 0.9 * before.free, 60, PAUSE_MS);
      t.is(region.stats().reserved, before.reserved);
      t.true(region.stats().committed < before.reserved - 20 * MiB);
    }
    t.true(kept.every((buffer, i) => isStamped(buffer, 8 * i)));
    for (const buffer of kept) region.free(buffer);
    t.is(region.stats().reserved, before.reserved, 'not at once');
    await until(() => region.stats().reserved === 0, 60, PAUSE_MS);
    soundRegion(t, region);
    region.close();
    t.is(patient.stats().collected, 0);
    patient.close({ force: true });
  },
);

test('a thread is idle whose event loop was busy for at most a tenth of the time since the last look', (t) => {
  const { eventLoopUtilization: counted } = performance;
  let utilization;
  performance.eventLoopUtilization = () => ({ utilization });
  const { quietness } = fresh('region/collector.js');
  performance.eventLoopUtilization = counted;
  const isQuiet = quietness();
  t.false(isQuiet(), 'nobody knows at first');
  for (const [busy, expected] of [
    [1, false],
    [0.11, false],
    [0.1, true],
    [0, true],
  ]) {
    utilization = busy;
    t.is(isQuiet(), expected, `${busy}`);
  }
});
