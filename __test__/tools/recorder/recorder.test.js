'use strict';
// tier: tools

// What a recorder tells of the functions of Buffer: estimates, sites, and deaths.

const { serial: test } = require('ava');
const { encode } = require('../../../tools/recorder/lines.js');
const { events } = require('../../../tools/recorder/events.js');
const { isNative } = require('../../helpers/backend.js');
const { Profile, Tally, record } = require('../../helpers/sums.js');
const {
  MessageChannel,
  markAsUntransferable,
  receiveMessageOnPort,
} = require('node:worker_threads');
const { hasTransfer } = require('../../../lib/base/runtime.js');

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

// Memory that goes elsewhere is not dead, though its ArrayBuffer is.

const SIZE = 100_000;

/** What becomes of a sample after `act`, as the names of events. */
function fate(t, act) {
  const recorder = record(t);
  const made = Buffer.allocUnsafeSlow(SIZE);
  act(made.buffer);
  const tally = new Tally(recorder.take(), recorder.settle());
  recorder.stop();
  const [site] = tally.at(__filename);
  return Object.keys(events).filter((name) => tally.of(site.id, events[name]).bytes > 0);
}

function post(...args) {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(...args);
  receiveMessageOnPort(port2);
  port1.close();
}

const moves = {
  'postMessage with a list': (ab) => post(ab, [ab]),
  'postMessage with an option': (ab) => post(ab, { transfer: [ab] }),
  structuredClone: (ab) => structuredClone(ab, { transfer: [ab] }),
};
if (hasTransfer) {
  moves['transfer()'] = (ab) => ab.transfer();
  moves['transferToFixedLength()'] = (ab) => ab.transferToFixedLength();
}

for (const [name, move] of Object.entries(moves)) {
  test(`${name}: transferred, and not dead`, (t) => {
    t.deepEqual(fate(t, move), ['BORN', 'TRANSFERRED', 'PEAK']);
  });
}

function refused(ab) {
  try {
    structuredClone(ab, { transfer: [ab, ab] });
  } catch {
    return;
  }
  throw new Error('It was taken twice');
}

/** Node 20 leaves it where it is, later ones refuse. */
function untransferable(ab) {
  markAsUntransferable(ab);
  const { port1 } = new MessageChannel();
  try {
    port1.postMessage(ab, [ab]);
  } catch (error) {
    if (error.name !== 'DataCloneError') throw error;
  } finally {
    port1.close();
  }
}

const stays = {
  'a list of what may not be transferred': untransferable,
  'postMessage of a copy': (ab) => post(ab),
  'structuredClone of a copy': (ab) => structuredClone(ab),
  'a list that is refused': refused,
};

for (const [name, stay] of Object.entries(stays)) {
  test(`${name}: nothing has happened`, (t) => {
    let kept;
    const act = (ab) => {
      kept = ab;
      stay(ab);
    };
    t.deepEqual(fate(t, act), ['BORN', 'PEAK', 'ALIVE']);
    t.is(kept.byteLength, SIZE);
  });
}

if (hasTransfer) {
  test('transfer(0) is a death', (t) => {
    t.deepEqual(
      fate(t, (ab) => ab.transfer(0)),
      ['BORN', 'DIED', 'PEAK'],
    );
  });
}

test('a list is read once, and errors are the usual ones', (t) => {
  record(t);
  let readings = 0;
  const options = {
    get transfer() {
      readings++;
      return [];
    },
  };
  structuredClone(1, options);
  t.is(readings, 1);
  t.throws(() => structuredClone(), { instanceOf: TypeError });
  if (hasTransfer)
    t.throws(() => ArrayBuffer.prototype.transfer.call(1), { instanceOf: TypeError });
});
