'use strict';
// tier: run-time

// adopt() where there is little room, and of memory that cannot go back.

const test = require('ava');
const { MessagePort, markAsUntransferable } = require('node:worker_threads');

const freed = []; // whether what was given back was all zeros
const isZero = (ab) => new Uint8Array(ab).every((byte) => byte === 0);
// As ralloc finds them when it is loaded: the one of Node 22 and later, and the other of Node 20.
const { transfer } = ArrayBuffer.prototype;
if (transfer !== undefined) {
  ArrayBuffer.prototype.transfer = function (...sizes) {
    if (sizes[0] === 0) freed.push(isZero(this));
    return Reflect.apply(transfer, this, sizes);
  };
}
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (value, list) {
  for (const ab of list ?? []) freed.push(isZero(ab));
  return postMessage.call(this, value, list);
};

const { Arena } = require('../..');
const { releases } = require('../helpers/given-back.js');

const KiB = 1024;
const SIZE = 10 * KiB;

const own = (byte = 1, size = SIZE) => Buffer.alloc(size, byte);
const shows = (buffer, byte, size = SIZE) =>
  buffer.length === size && buffer.every((one) => one === byte);

test.before(releases);

test.serial('with `wipe` its bytes are zeroed before they go back', (t) => {
  for (const wipe of [true, false]) {
    const arena = new Arena({ wipe });
    const buffer = arena.adopt(own(7));
    freed.length = 0;
    arena.reset();
    t.is(buffer.length, 0);
    t.deepEqual(freed, [wipe]);
    arena.close();
  }
});

test.serial('memory that nobody can detach keeps its bytes when an arena that wipes ends', (t) => {
  const arena = new Arena({ wipe: true });
  const other = Buffer.from('of somebody else'); // in Node's pool
  const wasm = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer).fill(7);
  const marked = own(8);
  markAsUntransferable(marked.buffer);
  for (const view of [new Uint8Array(other.buffer), wasm, marked]) arena.adopt(view);
  arena.close();
  t.is(other.toString(), 'of somebody else');
  t.true(shows(wasm, 7, 64 * KiB));
  t.true(shows(marked, 8));
});

test.serial('what a reset leaves of the window makes room', (t) => {
  const arena = new Arena({ maxBytes: 1024 * KiB });
  t.teardown(() => arena.close());
  for (let i = 0; i < 10; i++) {
    t.is(arena.alloc(900 * KiB).length, 900 * KiB);
    arena.reset();
    t.true(shows(arena.adopt(own(i, 500 * KiB)), i, 500 * KiB));
    arena.reset();
  }
});
