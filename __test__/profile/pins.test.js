'use strict';

// Slices of Node's pool keep whole slabs of it.

const test = require('ava');
const { events } = require('../../lib/profile/events.js');
const { Recorder } = require('../../lib/profile/recorder.js');
const { isNative, testWhere } = require('../helpers/backend.js');
const { gc } = require('../helpers/until.js');
const { Tally } = require('../helpers/tally.js');

const SIZE = 100;
const COUNT = 4000;

/** Slices, of which one in `oneIn` is kept: what they pin, in truth and by the recorder. */
function pin(t, oneIn) {
  const recorder = new Recorder({ rate: 8 * 1024, seed: 9 });
  recorder.start();
  t.teardown(() => recorder.stop());
  const kept = [];
  for (let i = 0; i < COUNT * oneIn; i++) {
    const slice = Buffer.allocUnsafe(SIZE);
    if (i % oneIn === 0) kept.push(slice);
  }
  gc();
  const tally = new Tally(recorder.take(), recorder.settle());
  recorder.stop();
  const [{ id }] = tally.at(__filename);
  const slabs = new Set(kept.map(({ buffer }) => buffer));
  const all = [...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { told: tally.of(id, events.PINNED).bytes, truth: all - kept.length * SIZE };
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
  t.true(truth < own / 2 && told < own * 3, `${told}, not ${truth}`);
});
