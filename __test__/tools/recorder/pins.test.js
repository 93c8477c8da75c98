'use strict';
// tier: tools

// Slices of Node's pool keep whole slabs of it.

const { serial: test } = require('ava');
const { events } = require('../../../tools/recorder/events.js');
const { testWhere, isNative } = require('../../helpers/backend.js');
const { gc } = require('../../helpers/until.js');
const { Tally, record } = require('../../helpers/sums.js');

const SIZE = 100;
const COUNT = 4000;

const sum = (all) => all.reduce((total, one) => total + one, 0);

/**
 * Keeps what `make(i)` returns, `count` times; between(take) is called after each. What its site has alive and pins by the recorder; the bytes of what is
 * kept; what that pins in truth; the bytes that the process has in ArrayBuffers, and those that it has more.
 */
function keep(t, count, make, { rate = 8 * 1024, seed = 9, between = () => {} } = {}) {
  gc();
  const before = process.memoryUsage().arrayBuffers;
  const recorder = record(t, { rate, seed });
  const kept = [];
  const blocks = [];
  for (let i = 0; i < count; i++) {
    kept.push(make(i) ?? []);
    between(() => blocks.push(recorder.take()));
  }
  gc();
  const most = process.memoryUsage().arrayBuffers;
  blocks.push(recorder.take(), recorder.settle());
  recorder.stop();
  const all = kept.flat();
  const own = sum(all.map(({ length }) => length));
  const slabs = [...new Set(all.map(({ buffer }) => buffer))];
  const tally = new Tally(...blocks);
  const { id } = tally.at(__filename).find(({ source }) => source === 'Buffer.allocUnsafe');
  const of = (event) => tally.of(id, event).bytes;
  const truth = sum(slabs.map(({ byteLength }) => byteLength)) - own;
  return { live: of(events.ALIVE), told: of(events.PINNED), own, truth, most, more: most - before };
}

/** Slices, of which one in `oneIn` is kept. */
const pin = (t, oneIn, { count = COUNT, size = SIZE, ...options } = {}) =>
  keep(
    t,
    count * oneIn,
    (i) => {
      const slice = Buffer.allocUnsafe(size);
      return i % oneIn === 0 ? slice : undefined;
    },
    options,
  );

const heard = (title, body) => testWhere(isNative, 'deaths that are heard', title, body, test);

heard('a slice of each slab that is kept pins all of it', (t) => {
  const { told, truth } = pin(t, Math.ceil(Buffer.poolSize / SIZE));
  t.true(truth > COUNT * (Buffer.poolSize - 2 * SIZE), String(truth));
  t.true(Math.abs(told - truth) < truth / 2, `${told}, not ${truth}`);
});

heard('so it does while other memory is taken', (t) => {
  const size = Buffer.poolSize / 8;
  const rate = Buffer.poolSize / 4;
  const between = () => Buffer.alloc(5 * size);
  const { told, truth } = pin(t, 8, { count: 600, size, rate, between });
  t.true(Math.abs(told - truth) < truth / 2, `${told}, not ${truth}`);
});

test('slices that fill their slabs while other memory is taken pin next to nothing', (t) => {
  const between = () => {
    for (let other = 0; other < 20; other++) Buffer.alloc(1000);
    Buffer.allocUnsafeSlow(64 * 1024);
  };
  const { told, own } = pin(t, 1, { count: 2000, size: 900, between });
  t.true(told < own / 2, `${told}, beside ${own} of their own`);
});

heard('a part of a Buffer of the pool keeps its slab, and that is told to pin it', (t) => {
  const { live, told, own, more } = keep(t, 4000, () => Buffer.allocUnsafe(2000).subarray(0, 30));
  t.true(live < own * 2 && live > own / 2, `${live} alive, not ${own}`);
  t.true(told > more / 2 && told < more * 1.5, `${told} pinned of ${more}`);
});

heard('a part of a Buffer of its own memory keeps all of that, also by a part of a part', (t) => {
  const part = (i) => {
    const all = Buffer.allocUnsafe(70_000);
    return i % 2 === 0 ? all.subarray(0, 40) : all.subarray(0, 500).slice(7, 47);
  };
  const { live, told, own, more } = keep(t, 600, part);
  t.true(live < own * 8, `${live} alive, not ${own}`);
  t.true(told > more / 2 && told < more * 1.5, `${told} pinned of ${more}`);
});

heard('many parts that are all of a Buffer pin nothing', (t) => {
  const parts = () => {
    const all = Buffer.allocUnsafe(64_000);
    return Array.from({ length: 128 }, (_, i) => all.subarray(500 * i, 500 * (i + 1)));
  };
  const { live, told, own } = keep(t, 200, parts);
  t.true(live > own / 2, `${live} alive, not ${own}`);
  t.true(told < own / 10, `${told} pinned, beside ${own}`);
});

heard('a Buffer of the pool dies with the last part of it', (t) => {
  const recorder = record(t);
  let part = (() => Buffer.allocUnsafe(900).subarray(1, 3))();
  const died = (tally, { id }) =>
    tally.of(id, events.DIED).samples + tally.of(id, events.DIED_OLD).samples;
  gc();
  const first = new Tally(recorder.take());
  const [site] = first.at(__filename);
  t.is(part.length, 2);
  t.is(first.of(site.id, events.BORN).samples, 1);
  t.is(died(first, site), 0);
  part = undefined;
  gc();
  t.is(died(new Tally(recorder.take(), recorder.settle()), site), 1);
});
