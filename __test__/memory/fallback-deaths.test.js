'use strict';
// tier: run-time, differs

// What the fallback hears of deaths: of which collection each is, V8 may tell it later than the death itself.

const test = require('ava');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { Deaths } = require('../../lib/memory/fallback/deaths.js');

const registers = new Float64Array(4);

test('a death is told in the turn after it was heard, with the time since then', (t) => {
  const clock = new Clock();
  clock.use(() => {
    const deaths = new Deaths();
    deaths.hear(3);
    clock.now += 10;
    t.is(deaths.drain(registers), 0);
    clock.now += 10;
    clock.turn();
    deaths.hear(4);
    t.is(deaths.drain(registers), 1);
    t.deepEqual([...registers.subarray(0, 2)], [3, 20]);
    clock.turn();
    t.is(deaths.drain(registers), 1);
    t.deepEqual([...registers.subarray(0, 2)], [4, 0]);
  });
});

test('one that is heard and not told yet is not alive', (t) => {
  const deaths = new Deaths();
  const object = Buffer.alloc(1);
  deaths.watch(object, 0);
  t.true(deaths.isAlive(0));
  deaths.hear(0);
  t.false(deaths.isAlive(0));
});

test('no death is told before its collection is, at the end of a process', async (t) => {
  const { result } = await run('memory/forgets-last.js', { execArgv: ['--expose-gc'] });
  t.is(result.alive, 0);
  t.true(result.told === 0 || result.collections > 0, JSON.stringify(result));
});
