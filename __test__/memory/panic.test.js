'use strict';
// tier: run-time

const test = require('ava');
const native = require('../../lib/memory/native.js');
const { Arena } = require('../..');
const { nativeTest, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');

const why = 'there is no Rust in it';

/** A test of what a release does not export. */
const panicTest = (title, body) =>
  testWhere(native.panicForTest !== undefined, 'a binary built by npm run build', title, body);

panicTest('a panic in Rust surfaces as a thrown Error, and the process goes on', (t) => {
  const error = t.throws(() => native.panicForTest(), { instanceOf: Error });
  t.regex(error.message, /a panic for the test/);
  const arena = new Arena();
  t.is(arena.alloc(10).length, 10);
  arena.close();
});

panicTest(
  'a panic when Rust drops what a collected object had is no end of the process',
  async (t) => {
    const { code, signal, stderr, result } = await run('memory/panic-in-drop.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.true(result.dropped > 0, stderr);
  },
);

const wrongCalls = {
  'a span that is not leased': (leases) => leases.hold(99, 1),
  'a lease that is over': (leases, [id, epoch]) => {
    leases.quarantine(id, epoch, 0, new ArrayBuffer(8));
    leases.release(id, epoch, 0, new ArrayBuffer(8));
  },
  'an epoch that was': (leases, [id, epoch]) => leases.hold(id, epoch + 1),
  'a span that is held already': (leases, [id, epoch]) => {
    leases.hold(id, epoch);
    leases.hold(id, epoch);
  },
  'a span that is not held': (leases, [id, epoch]) => leases.unhold(id, epoch),
};

for (const [what, call] of Object.entries(wrongCalls)) {
  test(`a call below for ${what} is a typed error, no panic`, (t) => {
    const leases = new native.LeasedArena(1 << 20, 1 << 16, false);
    const registers = new Float64Array(16);
    const ab = leases.lease(1, 1 << 16, true, registers);
    t.is(ab.byteLength, 1 << 16);
    t.throws(() => call(leases, registers), { instanceOf: Error, code: 'ERR_RALLOC_CORRUPTED' });
  });
}

nativeTest('another ArrayBuffer than the own one of a span is not renewed', why, (t) => {
  const leases = new native.LeasedArena(1 << 20, 1 << 16, false);
  const registers = new Float64Array(16);
  leases.lease(1, 1 << 16, true, registers);
  const [id, epoch] = registers;
  const foreign = new ArrayBuffer(1 << 16);
  t.throws(() => leases.renew(id, epoch, foreign), { code: 'ERR_RALLOC_CORRUPTED' });
  t.throws(() => leases.renew(id, epoch, {}), { instanceOf: Error });
  t.is(foreign.byteLength, 1 << 16);
});
