'use strict';
// tier: run-time

// What the C library keeps goes back at rest also in a server without a mount.

const test = require('ava');
const channels = require('node:diagnostics_channel');
const Module = require('node:module');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');

const REST = require.resolve('../../lib/memory/malloc-trim.js');
const SECOND = 1000;
const requests = channels.channel('http.server.request.start');

/** A process whose CPU and time are the test's: `rests` says when it was told to look for a rest. */
function trimmed(t) {
  const clock = new Clock();
  const { cpuUsage } = process;
  let cpu = 0;
  const rests = [];
  const stats = () => ({ count: rests.length, bytes: 2 ** 20 * rests.length });
  const exports = { watch: () => rests.push(cpu), stats };
  require.cache[REST] = Object.assign(new Module(REST), { exports, filename: REST, loaded: true });
  const trim = fresh('auto/trim.js');
  process.cpuUsage = () => ({ user: cpu * 1000, system: 0 });
  t.teardown(() => {
    delete require.cache[REST];
    Object.assign(process, { cpuUsage });
  });
  return {
    clock,
    rests,
    trim,
    request: () => clock.use(() => requests.publish({})),
    second(ms) {
      cpu += ms;
      clock.pass(SECOND);
    },
  };
}

test.serial('with RALLOC_TRIM=off it is left', (t) => {
  process.env.RALLOC_TRIM = 'off';
  t.teardown(() => delete process.env.RALLOC_TRIM);
  const { clock, request, trim } = trimmed(t);
  t.is(trim.begin(), 'RALLOC_TRIM is off');
  request();
  t.is(clock.timers.length, 0);
});

test.serial('a server that rests after requests is told to look, once', (t) => {
  const { clock, request, rests, second, trim } = trimmed(t);
  t.true(trim.begin());
  t.is(clock.timers.length, 0);
  request();
  request();
  t.is(clock.timers.length, 1);
  t.false(clock.timers[0].refed);
  second(60);
  second(500);
  t.deepEqual(rests, []);
  t.deepEqual(trim.trims(), { count: 0, bytes: 0, collections: 0 });
  second(50);
  t.deepEqual(rests, [610]);
  t.is(clock.timers.length, 0);
  request();
  second(5);
  t.deepEqual(rests, [610, 615]);
  t.is(trim.trims().count, 2);
});

test.serial('while the process is busy, no request is seen, and each look counts as one', (t) => {
  const { request, rests, second, trim } = trimmed(t);
  const subscribers = () => requests._subscribers?.length ?? 0;
  let count;
  require.cache[REST].exports.watch = (begun) => {
    count = begun;
    rests.push(count());
  };
  trim.begin();
  const before = subscribers();
  request();
  t.is(subscribers(), before);
  second(60);
  t.true(subscribers() < before);
  second(60);
  t.deepEqual(rests, []);
  second(50);
  t.deepEqual(rests, [3]);
  t.is(subscribers(), before);
  request();
  request();
  t.is(count(), 5);
});
