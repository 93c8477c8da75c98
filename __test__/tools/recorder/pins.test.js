'use strict';
// tier: tools

// Slices of Node's pool keep whole slabs of it.

const test = require('ava');
const { events } = require('../../../tools/recorder/events.js');
const { Recorder } = require('../../../tools/recorder/recorder.js');
const { isNative, testWhere } = require('../../helpers/backend.js');
const { gc } = require('../../helpers/until.js');
const { Tally } = require('../../helpers/tally.js');

const SIZE = 100;
const COUNT = 4000;

/** The site of the slices that are kept. */
const slicesOf = (tally) =>
  tally.at(__filename).find(({ source }) => source === 'Buffer.allocUnsafe').id;

/** Slices, of which one in `oneIn` is kept: what they pin, in truth and by the recorder. */
function pin(t, oneIn, { count = COUNT, size = SIZE, rate = 8 * 1024, between = () => {} } = {}) {
  const recorder = new Recorder({ rate, seed: 9 });
  recorder.start();
  t.teardown(() => recorder.stop());
  const kept = [];
  for (let i = 0; i < count * oneIn; i++) {
    const slice = Buffer.allocUnsafe(size);
    if (i % oneIn === 0) kept.push(slice);
    between();
  }
  gc();
  const tally = new Tally(recorder.take(), recorder.settle());
  recorder.stop();
  const id = slicesOf(tally);
  const slabs = new Set(kept.map(({ buffer }) => buffer));
  const all = [...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { told: tally.of(id, events.PINNED).bytes, truth: all - kept.length * size };
}

const heard = (title, body) =>
  testWhere(isNative, 'deaths that are heard', title, body, test.serial);

heard('a slice of each slab that is kept pins all of it', (t) => {
  const { told, truth } = pin(t, Math.ceil(Buffer.poolSize / SIZE));
  t.true(truth > COUNT * (Buffer.poolSize - 2 * SIZE), String(truth));
  t.true(Math.abs(told - truth) < truth / 2, `${told}, not ${truth}`);
});

test.serial('slices that fill their slabs pin next to nothing', (t) => {
  const { told, truth } = pin(t, 1);
  const own = COUNT * SIZE;
  t.true(truth < own / 2 && told < own / 2, `${told}, not ${truth}`);
});

heard('so it does while other memory is taken', (t) => {
  const size = Buffer.poolSize / 8;
  const rate = Buffer.poolSize / 4;
  const between = () => Buffer.alloc(5 * size);
  const { told, truth } = pin(t, 8, { count: 600, size, rate, between });
  t.true(Math.abs(told - truth) < truth / 2, `${told}, not ${truth}`);
});

test.serial(
  'slices never pin more than the process has in ArrayBuffers, whatever few samples say',
  (t) => {
    for (let seed = 1; seed <= 12; seed++) {
      const recorder = new Recorder({ rate: 32 * 1024, seed });
      recorder.start();
      t.teardown(() => recorder.stop());
      const kept = Array.from({ length: 65_536 }, () => Buffer.allocUnsafe(2));
      gc();
      const most = process.memoryUsage().arrayBuffers;
      const blocks = [recorder.take(), recorder.settle()];
      recorder.stop();
      const told = new Tally(...blocks).of(slicesOf(new Tally(...blocks)), events.PINNED).bytes;
      t.true(told <= 2 * most, `${told} of ${most}, seed ${seed}`);
      t.is(kept.length, 65_536);
    }
  },
);

/** As pin(), with `between(i)` behind each of `count` slices, which are all kept. */
function pinBetween(t, { count, size, between }) {
  const recorder = new Recorder({ rate: 8 * 1024, seed: 9 });
  recorder.start();
  t.teardown(() => recorder.stop());
  const kept = [];
  const blocks = [];
  for (let i = 0; i < count; i++) {
    kept.push(Buffer.allocUnsafe(size));
    between(i, () => blocks.push(recorder.take()));
  }
  gc();
  blocks.push(recorder.take(), recorder.settle());
  recorder.stop();
  const tally = new Tally(...blocks);
  return { told: tally.of(slicesOf(tally), events.PINNED).bytes, own: kept.length * size };
}

test.serial('slices that fill their slabs while other memory is taken pin next to nothing', (t) => {
  const between = () => {
    for (let other = 0; other < 20; other++) Buffer.alloc(1000);
    Buffer.allocUnsafeSlow(64 * 1024);
  };
  const { told, own } = pinBetween(t, { count: 2000, size: 900, between });
  t.true(told < own / 2, `${told}, beside ${own} of their own`);
});

test.serial('slices that fill their slabs slowly pin next to nothing', (t) => {
  const { told, own } = pinBetween(t, { count: 400, size: 900, between: (_, take) => take() });
  t.true(told < own / 2, `${told}, beside ${own} of their own`);
});

/** What `keep(i)` returns is kept, `count` times: what its site has alive and pins by the recorder, and the bytes that the process has more in ArrayBuffers. */
function keepParts(t, count, keep) {
  const recorder = new Recorder({ rate: 8 * 1024, seed: 9 });
  gc();
  const before = process.memoryUsage().arrayBuffers;
  recorder.start();
  t.teardown(() => recorder.stop());
  const kept = [];
  for (let i = 0; i < count; i++) kept.push(keep(i));
  gc();
  const more = process.memoryUsage().arrayBuffers - before;
  const tally = new Tally(recorder.take(), recorder.settle());
  recorder.stop();
  const own = kept.flat().reduce((sum, { length }) => sum + length, 0);
  const id = slicesOf(tally);
  return {
    live: tally.of(id, events.ALIVE).bytes,
    told: tally.of(id, events.PINNED).bytes,
    own,
    more,
  };
}

heard('a part of a Buffer of the pool keeps its slab, and that is told to pin it', (t) => {
  const { live, told, own, more } = keepParts(t, 4000, () =>
    Buffer.allocUnsafe(2000).subarray(0, 30),
  );
  t.true(live < own * 2 && live > own / 2, `${live} alive, not ${own}`);
  t.true(told > more / 2 && told < more * 1.5, `${told} pinned of ${more}`);
});

heard('a part of a Buffer of its own memory keeps all of that, also by a part of a part', (t) => {
  const part = (i) => {
    const all = Buffer.allocUnsafe(70_000);
    return i % 2 === 0 ? all.subarray(0, 40) : all.subarray(0, 500).slice(7, 47);
  };
  const { live, told, own, more } = keepParts(t, 600, part);
  t.true(live < own * 8, `${live} alive, not ${own}`);
  t.true(told > more / 2 && told < more * 1.5, `${told} pinned of ${more}`);
});

heard('many parts that are all of a Buffer pin nothing', (t) => {
  const parts = () => {
    const all = Buffer.allocUnsafe(64_000);
    return Array.from({ length: 128 }, (_, i) => all.subarray(500 * i, 500 * (i + 1)));
  };
  const { live, told, own } = keepParts(t, 200, parts);
  t.true(live > own / 2, `${live} alive, not ${own}`);
  t.true(told < own / 10, `${told} pinned, beside ${own}`);
});

heard('a Buffer of the pool dies with the last part of it', (t) => {
  const recorder = new Recorder({ rate: 1, seed: 9 });
  recorder.start();
  t.teardown(() => recorder.stop());
  let part = (() => Buffer.allocUnsafe(900).subarray(1, 3))();
  gc();
  const [first] = [new Tally(recorder.take())];
  const id = slicesOf(first);
  t.is(part.length, 2);
  t.is(first.of(id, events.BORN).samples, 1);
  t.is(first.of(id, events.DIED).samples + first.of(id, events.DIED_OLD).samples, 0);
  part = undefined;
  gc();
  const then = new Tally(recorder.take(), recorder.settle());
  t.is(then.of(id, events.DIED).samples + then.of(id, events.DIED_OLD).samples, 1);
});
