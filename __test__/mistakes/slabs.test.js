'use strict';
// tier: run-time

// Buffers of slabs that are freed, sent and returned in the wrong way, and slabs that have none left.

const test = require('ava');
const { Arena, Slab, slab: shared, backend } = require('../..');

const slabOf = (options) => new Slab({ sizes: [64], count: 2, ...options });
const at = (code, message) => ({ code, message });

test('freed twice', (t) => {
  const slab = slabOf();
  const buffer = slab.alloc(10);
  slab.free(buffer);
  t.throws(
    () => slab.free(buffer),
    at(
      'ERR_RALLOC_DOUBLE_FREE',
      'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed',
    ),
  );
});

test('a view is freed, and not the Buffer', (t) => {
  const slab = slabOf();
  t.throws(
    () => slab.free(slab.alloc(10).subarray(2)),
    at(
      'ERR_RALLOC_FOREIGN_BUFFER',
      'The Buffer is a view of a slab Buffer. Free the Buffer that alloc() returned',
    ),
  );
});

test("another's Buffers are freed: of an arena, of Node, of another slab", (t) => {
  const code = 'ERR_RALLOC_FOREIGN_BUFFER';
  const slab = slabOf();
  for (const foreign of [new Arena().alloc(10), Buffer.alloc(10)]) {
    t.throws(() => slab.free(foreign), at(code, 'The Buffer does not belong to a slab'));
  }
  t.throws(() => slab.free(slabOf().alloc(10)), at(code, 'The Buffer belongs to another slab'));
  t.throws(() => slab.free('buffer'), {
    instanceOf: TypeError,
    ...at(
      'ERR_RALLOC_INVALID_ARGUMENT',
      `The "buffer" argument must be an instance of Buffer. Received type string ('buffer')`,
    ),
  });
});

test('Buffers that are never freed: what is full, and what to raise', (t) => {
  const slab = slabOf();
  slab.alloc(1);
  slab.alloc(1);
  t.throws(
    () => slab.alloc(10),
    at(
      'ERR_RALLOC_EXHAUSTED',
      'No slot is free for 10 bytes: 128 of 128 bytes are in use in the pools that fit. Raise "count", or free Buffers first',
    ),
  );
});

test('larger than every slot', (t) => {
  t.throws(() => slabOf().alloc(65), {
    instanceOf: RangeError,
    ...at(
      'ERR_RALLOC_INVALID_ARGUMENT',
      'The value of "size" is out of range. It must be an integer >= 0 and <= 64. Received 65',
    ),
  });
});

test('closed while Buffers are in use', (t) => {
  const slab = slabOf();
  slab.alloc(10);
  const message =
    '1 Buffer of the slab is in use. Free all Buffers first, or close({ force: true })';
  const error = t.throws(() => slab.close(), at('ERR_RALLOC_IN_USE', message));
  t.is(error.inUse, 1);
  slab.close({ force: true });
  t.throws(() => slab.alloc(1), at('ERR_RALLOC_CLOSED', 'The slab is closed'));
});

test('the default slab is closed', (t) => {
  t.throws(
    () => shared.close(),
    at(
      'ERR_RALLOC_UNSUPPORTED',
      'The default slab cannot be closed. To close one, create a slab of your own',
    ),
  );
});

test('use() returns its Buffer', (t) => {
  t.throws(
    () => slabOf().use(10, (buffer) => buffer.subarray(1)),
    at(
      'ERR_RALLOC_ESCAPED',
      'The function returned the Buffer of use(), which is freed now. Return a copy: Buffer.from(buffer)',
    ),
  );
});

test('a token is received twice', (t) => {
  const slab = slabOf();
  const token = slab.send(slab.alloc(10));
  slab.free(slab.receive(token));
  t.throws(
    () => slab.receive(token),
    at(
      'ERR_RALLOC_STALE_TOKEN',
      'The token was received or revoked before, its sender died too long ago, or it is of another slab. A token is received once, by one thread, and revoked by its sender alone',
    ),
  );
});

test('a Buffer that was sent is freed', (t) => {
  const slab = slabOf();
  const buffer = slab.alloc(10);
  slab.send(buffer);
  t.throws(
    () => slab.free(buffer),
    at('ERR_RALLOC_DOUBLE_FREE', 'The Buffer was sent. The thread that receives it frees it'),
  );
});

test('a slab that grows is shared, and any on the fallback', (t) => {
  const growing = slabOf({ maxCount: 8 });
  const code = 'ERR_RALLOC_UNSUPPORTED';
  const why = 'it can grow. Create it without maxCount';
  t.throws(() => growing.handle(), at(code, `The slab cannot be shared: ${why}`));
  if (backend === 'native') return t.notThrows(() => slabOf().handle());
  const one = 'the JavaScript backend has memory of one thread only';
  t.throws(() => slabOf().handle(), at(code, `The slab cannot be shared: ${one}`));
});

test('sizes that are no powers of two', (t) => {
  t.throws(() => slabOf({ sizes: [100] }), {
    instanceOf: RangeError,
    ...at(
      'ERR_RALLOC_INVALID_ARGUMENT',
      'The value of "options.sizes[0]" is out of range. It must be a power of two >= 8 and <= 1073741824. Received 100',
    ),
  });
});
