'use strict';
// tier: tools

// Memory that goes elsewhere is not dead, though its ArrayBuffer is.

const { serial: test } = require('ava');
const {
  MessageChannel,
  markAsUntransferable,
  receiveMessageOnPort,
} = require('node:worker_threads');
const { hasTransfer } = require('../../../lib/base/runtime.js');
const { events } = require('../../../tools/recorder/events.js');
const { Tally, record } = require('../../helpers/tally.js');

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
