'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');

const KiB = 1024;

test('100,000 arenas made and closed in one turn of the loop do not use up the mappings', (t) => {
  let alive = 0;
  for (let i = 0; i < 100_000; i++) {
    const arena = new Arena();
    const buffer = arena.allocUnsafe(100);
    buffer[0] = 1;
    arena.close();
    if (buffer.length !== 0) alive++;
  }
  t.is(alive, 0, 'Buffers that outlived their arena');
});

test('an arena counts from its own beginning, whoever had its memory before', (t) => {
  const options = { maxBytes: 512 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(300 * KiB);
  first.close();
  const second = new Arena(options);
  const { allocated, spans, resets, memory } = second.stats();
  t.deepEqual({ allocated, spans, resets }, { allocated: 0, spans: 0, resets: 0 });
  t.is(memory.mapped + memory.recycled, 0);
  t.is(memory.peak, memory.used);
  t.true(memory.used <= options.maxBytes);
});

test('memory of a closed arena is zero-filled by alloc in the next', (t) => {
  const options = { maxBytes: 96 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(80 * KiB).fill(0xab);
  first.close();
  t.true(new Arena(options).alloc(80 * KiB).every((byte) => byte === 0));
});

test('a closed arena tells that it is closed, and nothing of the next one', (t) => {
  const options = { maxBytes: 128 * KiB };
  const first = new Arena(options);
  first.allocUnsafe(KiB);
  first.close();
  const second = new Arena(options);
  second.allocUnsafe(KiB);
  const { live, memory } = first.stats();
  t.false(live);
  t.is(memory.used, 0);
  t.deepEqual(first.chunkStats(), []);
  t.throws(() => first.allocUnsafe(1), { code: 'ERR_RALLOC_CLOSED' });
  first.close();
  t.is(second.allocUnsafe(KiB).length, KiB);
});

test('memory that is held is not given to the next arena', (t) => {
  const options = { maxBytes: 160 * KiB };
  const first = new Arena(options);
  const buffer = stamp(first.allocUnsafe(64 * KiB), 1);
  const hold = first.hold();
  first.close();
  const second = new Arena(options);
  stamp(second.allocUnsafe(64 * KiB), 2);
  t.true(isStamped(buffer, 1));
  hold.release();
  t.is(buffer.length, 0);
  second.close();
});

for (const [safety, isAsBefore] of [
  ['gc', (buffer) => isStamped(buffer, 1)],
  ['recycle', isDead],
]) {
  test(`a Buffer of a closed ${safety} arena never shows the next one's bytes`, (t) => {
    const options = { maxBytes: 192 * KiB, safety };
    const first = new Arena(options);
    const buffer = stamp(first.allocUnsafe(KiB), 1);
    first.close();
    stamp(new Arena(options).allocUnsafe(KiB), 2);
    t.true(isAsBefore(buffer));
  });
}
