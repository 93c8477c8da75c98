'use strict';
// tier: tools

// What a recorder tells of the functions of Buffer: estimates, sites, and deaths.

const { serial: test } = require('ava');
const { encode } = require('../../../tools/recorder/lines.js');
const { Profile } = require('../../helpers/sums.js');
const { events } = require('../../../tools/recorder/events.js');
const { isNative } = require('../../helpers/backend.js');
const { Tally, record } = require('../../helpers/tally.js');

const RATE = 16 * 1024;

const within = (t, told, truth, message) => {
  const error = 3 / Math.sqrt(told.samples);
  t.true(
    Math.abs(told.bytes - truth) <= error * told.bytes,
    `${message}: ${told.bytes}, not ${truth}`,
  );
};

const makers = {
  'Buffer.alloc': (size) => Buffer.alloc(size),
  'Buffer.allocUnsafe': (size) => Buffer.allocUnsafe(size),
  'Buffer.allocUnsafeSlow': (size) => Buffer.allocUnsafeSlow(size),
  'Buffer.from': (size) => Buffer.from('x'.repeat(size)),
  'Buffer.concat': (size) => Buffer.concat([new Uint8Array(0)], size),
};

for (const [source, make] of Object.entries(makers)) {
  test(`${source}: so many bytes, by that line`, (t) => {
    const recorder = record(t, { rate: RATE });
    for (let i = 0; i < 20_000; i++) make(1000);
    const tally = new Tally(recorder.take());
    const [site, ...others] = tally.sites.filter(({ frames }) => frames[0]?.file === __filename);
    t.is(site.source, source);
    t.deepEqual(others, []);
    const born = tally.of(site.id, events.BORN);
    t.true(born.samples > 1000);
    within(t, born, 20_000_000, source);
    t.true(Math.abs(born.count / 1024 - 20_000) <= (3 / Math.sqrt(born.samples)) * 20_000);
  });
}

test('what one function of Buffer makes by another is counted once', (t) => {
  const recorder = record(t, { rate: RATE });
  const text = 'x'.repeat(100_000);
  for (let i = 0; i < 2; i++) Buffer.from(text);
  for (let i = 0; i < 2; i++) Buffer.concat([Buffer.from(text)]);
  const tally = new Tally(recorder.take());
  const told = tally.at(__filename).map(({ id, source }) => [source, tally.of(id, events.BORN)]);
  for (const [source, { samples }] of told) t.is(samples, 2, source);
  t.deepEqual(told.map(([source]) => source).sort(), [
    'Buffer.concat',
    'Buffer.from',
    'Buffer.from',
  ]);
});

test('a Buffer over memory that is there already is none', (t) => {
  const recorder = record(t, { rate: 1 });
  const ab = new ArrayBuffer(100_000);
  for (let i = 0; i < 10; i++) Buffer.from(ab, i);
  t.deepEqual(new Tally(recorder.take()).at(__filename), []);
});

test('what dies is told, and what lives at the end', async (t) => {
  const recorder = record(t, { rate: RATE });
  const alive = Array.from({ length: 3000 }, () => Buffer.alloc(1000));
  for (let i = 0; i < 3000; i++) Buffer.allocUnsafe(20_000);
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.at(__filename);
  const leak = sites.find(({ source }) => source === 'Buffer.alloc');
  const churn = sites.find(({ source }) => source === 'Buffer.allocUnsafe');
  const told = tally.of(leak.id, events.ALIVE);
  within(t, told, 3_000_000, 'alive');
  t.is(tally.live(leak.id), told.bytes);
  t.is(tally.of(leak.id, events.PEAK).bytes, tally.of(leak.id, events.BORN).bytes);
  if (isNative) t.is(tally.live(churn.id), 0);
  t.is(alive.length, 3000);
});

test('a block is one that the format has, and tells what is new', (t) => {
  const recorder = record(t, { rate: RATE });
  const [first, second] = [1, 2].map(() => {
    for (let i = 0; i < 1000; i++) Buffer.alloc(1000);
    return recorder.take();
  });
  const { recorders, skipped } = Profile.from(Buffer.concat([encode(first), encode(second)]));
  t.is(skipped, 0);
  t.deepEqual(
    recorders.map(({ pid, thread, node, blocks }) => ({ pid, thread, node, blocks })),
    [{ pid: process.pid, thread: 0, node: process.version, blocks: 2 }],
  );
  t.is(new Tally(first).at(__filename).length, 1);
  t.deepEqual(second.sites, []);
  t.true(new Tally(second).of(new Tally(first).at(__filename)[0].id, events.BORN).samples > 0);
});
