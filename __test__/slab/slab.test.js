'use strict';
// tier: run-time

// What a slab gives, on both backends: Buffers of slots, promotion, use(), stats that add up.

const test = require('ava');
const { inspect, isDeepStrictEqual } = require('node:util');
const { deflateSync } = require('node:zlib');
const { createHash } = require('node:crypto');
const { Slab } = require('../..');
const { stamp, isStamped, isZero } = require('../helpers/bytes.js');
const { backend, nodeMajor, testWhere, isNative } = require('../helpers/backend.js');
const { addsUp } = require('../helpers/slab.js');
const { modes, kinds } = require('../helpers/slab-kinds.js');
const { run } = require('../helpers/child.js');

for (const { title, safety, isShared, isBetween, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [64, 256, 1024], count: 8, ...options });

  test(`${title}: a Buffer has the length that was asked for, over a slot of its own`, (t) => {
    const slab = make();
    const sizes = [1, 8, 63, 64, 65, 255, 256, 257, 1000, 1024];
    const buffers = sizes.map((size, id) => stamp(slab.allocUnsafe(size), id));
    t.deepEqual(
      buffers.map(({ length }) => length),
      sizes,
    );
    buffers.forEach((buffer, id) => {
      t.true(isStamped(buffer, id));
    });
    t.deepEqual(
      slab.stats().pools.map(({ held }) => held),
      [4, 3, 3],
    );
    for (const buffer of buffers) slab.free(buffer);
    t.is(slab.stats().held, 0);
    addsUp(t, slab);
    slab.close();
  });

  test(`${title}: alloc() is zero where allocUnsafe() shows what was there`, (t) => {
    const slab = make({ count: 1 });
    slab.free(stamp(slab.allocUnsafe(64), 7));
    const dirty = slab.allocUnsafe(64);
    t.true(isStamped(dirty, 7));
    slab.free(dirty);
    const clean = slab.alloc(64);
    t.true(isZero(clean));
    slab.free(stamp(clean, 8));
    t.true(isZero(slab.tryAlloc(64)));
    slab.close({ force: true });
  });

  test(`${title}: an exhausted pool promotes to the next larger one, and in the end says so`, (t) => {
    const slab = make();
    const sizes = [64, 256, 1024];
    const all = Array.from({ length: 24 }, () => slab.alloc(10));
    t.true(all.every(({ length }) => length === 10));
    t.deepEqual(
      slab.stats().pools.map(({ held }) => held),
      [8, 8, 8],
    );
    const before = slab.stats();
    const bytes = 8 * (64 + 256 + 1024);
    const raised = slab.name === '' ? '"count"' : `count of the slab '${slab.name}'`;
    const error = t.throws(() => slab.alloc(10), {
      code: 'ERR_RALLOC_EXHAUSTED',
      message: `No slot is free for 10 bytes: ${bytes} of ${bytes} bytes are in use in the pools that fit. Raise ${raised}, or free Buffers first`,
    });
    t.like(error, { requested: 10, limit: bytes, used: bytes, option: 'count' });
    t.throws(() => slab.alloc(1000), { code: 'ERR_RALLOC_EXHAUSTED' });
    const after = slab.stats();
    t.deepEqual(
      after.pools.map(({ promotions, exhaustions }) => [promotions, exhaustions]),
      [
        [16, 1],
        [0, 0],
        [0, 1],
      ],
    );
    t.deepEqual({ ...after, exhaustions: 0, pools: 0 }, { ...before, exhaustions: 0, pools: 0 });
    slab.free(all[20]);
    t.is(slab.alloc(1).length, 1, 'of the largest pool, where one is free again');
    t.deepEqual(slab.sizes, sizes);
    slab.close({ force: true });
  });

  test(`${title}: tryAlloc() never promotes, and gives null`, (t) => {
    const slab = make();
    const all = Array.from({ length: 8 }, () => slab.tryAlloc(64));
    t.true(all.every(({ length }) => length === 64));
    t.is(slab.tryAlloc(64), null);
    t.is(slab.tryAllocUnsafe(1), null);
    t.is(slab.stats().pools[1].held, 0);
    t.like(slab.stats().pools[0], { promotions: 0, exhaustions: 2 });
    slab.free(all.pop());
    t.is(slab.tryAllocUnsafe(33).length, 33);
    t.is(slab.tryAlloc(65).length, 65, 'another pool has slots');
    slab.close({ force: true });
  });

  test(`${title}: Buffers go wherever Node's go`, (t) => {
    const slab = make();
    const buffer = slab.alloc(5);
    buffer.write('hello');
    t.true(Buffer.isBuffer(buffer));
    t.is(buffer.constructor, Buffer);
    t.is(inspect(buffer), '<Buffer 68 65 6c 6c 6f>');
    t.is(JSON.stringify(buffer), JSON.stringify(Buffer.from('hello')));
    t.deepEqual(Object.keys(buffer), ['0', '1', '2', '3', '4']);
    t.deepEqual(Reflect.ownKeys(buffer), Reflect.ownKeys(Buffer.from('hello')));
    t.true(buffer.equals(Buffer.from('hello')));
    t.is(Buffer.concat([buffer, buffer]).toString(), 'hellohello');
    t.deepEqual(deflateSync(buffer), deflateSync('hello'));
    const digest = (data) => createHash('sha1').update(data).digest('hex');
    t.is(digest(buffer), digest('hello'));
    const comparesConstructors = nodeMajor >= 22; // Node 20 compares prototypes
    t.is(isDeepStrictEqual(buffer, Buffer.from('hello')), comparesConstructors);
    t.is(isDeepStrictEqual(Buffer.from('hello'), buffer), comparesConstructors);
    const part = buffer.subarray(1, 3);
    t.is(Object.getPrototypeOf(part), Buffer.prototype);
    t.false(slab.owns(part));
    t.is(structuredClone(buffer)[4], 'o'.charCodeAt(0));
    t.is(structuredClone(new Uint8Array(buffer)).buffer.byteLength, 5);
    slab.free(buffer);
    slab.close();
  });

  test(`${title}: a Buffer of no bytes takes no slot, and is freed like the others`, (t) => {
    const slab = make({ count: 1 });
    const buffers = Array.from({ length: 10 }, () => slab.alloc(0));
    t.true(buffers.every((buffer) => buffer.length === 0 && slab.owns(buffer)));
    t.is(slab.tryAlloc(0).length, 0);
    t.is(slab.stats().held, 0);
    slab.free(buffers[0]);
    t.false(slab.owns(buffers[0]));
    t.throws(() => slab.free(buffers[0]), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.throws(() => slab.send(buffers[1]), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
    slab.close();
    t.throws(() => slab.alloc(0), { code: 'ERR_RALLOC_CLOSED' });
    t.throws(() => slab.free(buffers[2]), { code: 'ERR_RALLOC_CLOSED' });
  });

  test(`${title}: a slab tells of itself in one line, and adds up`, (t) => {
    const slab = make(isBetween ? {} : { name: 'lines' }); // whose name is that of the file, or none
    const { name } = slab;
    const label = name === '' ? 'Slab' : `Slab '${name}'`;
    const buffers = [slab.alloc(1), slab.alloc(100), slab.alloc(100)];
    const line = `${label} { live, 3 of 24 slots held, 64 B to 1 KiB, ${safety}, ${backend} }`;
    t.is(inspect(slab), line);
    slab.free(buffers[2]);
    const { pools, ...sums } = slab.stats();
    t.like(sums, { name, backend, safety, live: true, shared: isShared, participants: 1 });
    t.like(sums, { count: 24, held: 2, elsewhere: 0, sent: 0, stolen: 0 });
    t.is(sums.limit, isShared ? slab.footprint : 128 * 2 ** 20, 'shared ones have what they need');
    t.true(sums.committed >= 8 * (64 + 256 + 1024) && sums.committed <= slab.footprint);
    t.deepEqual(
      pools.map(({ size, count, maxCount, held, peak }) => [size, count, maxCount, held, peak]),
      [
        [64, 8, 8, 1, 1],
        [256, 8, 8, 1, 2],
        [1024, 8, 8, 0, 0],
      ],
    );
    addsUp(t, slab);
    slab.close({ force: true });
    t.true(inspect(slab).startsWith(`${label} { closed, 0 of 0 slots held`));
    t.is(inspect(new Slab({ sizes: [8], count: 1 })).split('\n').length, 1);
  });

  test(`${title}: the peak is the most that were held at once, also within one batch`, (t) => {
    const slab = make({ sizes: [64], count: 500 });
    const peak = () => slab.stats().pools[0].peak;
    const live = [];
    for (const [take, give, most] of [
      [5, 5, 5],
      [3, 0, 5],
      [100, 50, 103],
      [49, 10, 103],
      [12, 0, 104],
      [300, 404, 404],
      [400, 400, 404],
    ]) {
      for (let i = 0; i < take; i++) live.push(slab.allocUnsafe(64));
      for (let i = 0; i < give; i++) slab.free(live.shift());
      t.is(peak(), most);
    }
    slab.close();
  });
}

test('recycle hands the same object out again for the same length, checked never', (t) => {
  const again = (safety) => {
    const slab = new Slab({ sizes: [64], count: 1, safety });
    const first = slab.allocUnsafe(10);
    slab.free(first);
    const second = slab.allocUnsafe(10);
    slab.free(second);
    const third = slab.allocUnsafe(11);
    slab.free(third);
    t.throws(() => slab.free(second), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    slab.close();
    return [first === second, second === third];
  };
  t.deepEqual(again('recycle'), [true, false]);
  t.deepEqual(again('checked'), [false, false]);
});

test('nothing but the methods of the API can be reached on a slab', (t) => {
  const slab = new Slab({ sizes: [64], count: 1 });
  t.deepEqual(Reflect.ownKeys(slab), []);
  const names = Object.getOwnPropertyNames(Slab.prototype).sort();
  t.is(
    names.join(' '),
    'alloc allocUnsafe bind close constructor fd footprint free handle lock name owns participants receive ' +
      'recover revoke send sizes stats tryAlloc tryAllocUnsafe use',
  );
  t.is(
    Reflect.ownKeys(Slab).sort().join(' '),
    'attach create length list name open openOrCreate prototype unlink',
  );
  t.true(Object.isFrozen(slab.sizes));
  slab.close();
});

// Buffers of a slab that free themselves: at the end of use(), by Symbol.dispose, by `using`.

for (const { title, make: makeKind } of modes) {
  const make = () => makeKind({ sizes: [64, 256], count: 8 });

  test(`${title}: use() frees at the end, however that comes`, async (t) => {
    const slab = make();
    const held = () => slab.stats().held;
    t.is(
      slab.use(10, (buffer) => {
        t.true(isZero(buffer));
        return buffer.length + held();
      }),
      11,
    );
    t.is(held(), 0);
    const wrong = new Error('mine');
    const fail = () => {
      throw wrong;
    };
    t.is(
      t.throws(() => slab.use(10, fail)),
      wrong,
    );
    t.is(held(), 0);
    const done = slab.use(10, async (buffer) => {
      await null;
      return buffer.length;
    });
    t.is(held(), 1);
    t.is(await done, 10);
    t.is(held(), 0);
    t.is(await t.throwsAsync(slab.use(10, async () => fail())), wrong);
    t.is(held(), 0);
    t.is(
      slab.use(10, (buffer) => slab.free(buffer)),
      undefined,
    );
    const token = slab.use(10, (buffer) => slab.send(buffer));
    t.is(slab.stats().sent, 1, 'what was sent is not freed');
    slab.free(slab.receive(token));
    t.is(
      slab.use(0, ({ length }) => length),
      0,
    );
    t.is(slab.stats().refused, 0);
    slab.close();
  });

  test(`${title}: what use() frees cannot be its result`, async (t) => {
    const slab = make();
    const message =
      'The function returned the Buffer of use(), which is freed now. Return a copy: Buffer.from(buffer)';
    const escaped = { code: 'ERR_RALLOC_ESCAPED', message };
    t.throws(() => slab.use(10, (buffer) => buffer), escaped);
    t.throws(() => slab.use(10, (buffer) => buffer.subarray(2, 3)), escaped);
    t.throws(() => slab.use(16, (b) => new DataView(b.buffer, b.byteOffset, 8)), escaped);
    await t.throwsAsync(
      slab.use(10, async (buffer) => buffer),
      escaped,
    );
    t.is(slab.stats().held, 0);
    const other = slab.alloc(64);
    t.is(
      slab.use(64, () => other),
      other,
      'another Buffer of the slab may',
    );
    const before = (b, length) => new Uint8Array(b.buffer, b.byteOffset - 8, length);
    t.throws(() => slab.use(64, (b) => before(b, 9)), escaped);
    t.is(slab.use(64, (b) => before(b, 8)).length, 8, 'a view that ends where the Buffer begins');
    t.is(slab.use(5, (buffer) => Buffer.from(buffer)).length, 5);
    slab.free(other);
    slab.close();
  });

  test(`${title}: a Buffer frees itself by Symbol.dispose, once`, (t) => {
    const slab = make();
    const buffer = slab.alloc(10);
    buffer[Symbol.dispose]();
    buffer[Symbol.dispose]();
    t.is(slab.stats().held, 0);
    t.throws(() => slab.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    const late = slab.alloc(10);
    slab.close({ force: true });
    t.notThrows(() => late[Symbol.dispose]());
  });
}

testWhere(nodeMajor >= 24, 'Node 24', '`using` frees a Buffer, and a slab', async (t) => {
  const { code, stderr, result } = await run('slab/using.mjs');
  t.is(code, 0, stderr);
  const thrown = { caught: 'with 10 bytes', thrown: 0 };
  t.deepEqual(result, { inside: 2, after: 0, ...thrown, live: false, length: 0 });
});

// Handles and tokens, as far as one thread shows them.

test('handle() is the same every time, and tells why where there is none', (t) => {
  const slab = new Slab({ sizes: [64], count: 8 });
  const unshared = (why) => ({
    code: 'ERR_RALLOC_UNSUPPORTED',
    message: `The slab cannot be shared: ${why}`,
  });
  if (isNative) {
    const handle = slab.handle();
    t.deepEqual(Object.keys(handle), ['id', 'nonce']);
    t.deepEqual(slab.handle(), handle);
    t.deepEqual(structuredClone(handle), handle);
    const second = Slab.attach(handle, { name: 'second', safety: 'recycle' });
    t.deepEqual(second.handle(), handle);
    t.like(second.stats(), { name: 'second', safety: 'recycle', participants: 2 });
    t.deepEqual(second.sizes, [64]);
    second.close();
  } else {
    const why = 'the JavaScript backend has memory of one thread only';
    t.throws(() => slab.handle(), unshared(why));
    t.throws(() => Slab.attach({ id: 1, nonce: '0'.repeat(16) }), {
      code: 'ERR_RALLOC_UNSUPPORTED',
    });
  }
  slab.close();
  const growing = new Slab({ sizes: [64], count: 8, maxCount: 16 });
  t.throws(() => growing.handle(), unshared('it can grow. Create it without maxCount'));
  growing.close();
  const huge = new Slab({ sizes: [8], count: 2 ** 22 + 1 });
  const { message } = t.throws(() => huge.handle(), { code: 'ERR_RALLOC_UNSUPPORTED' });
  t.regex(message, /at most 4194304 can be shared/);
  huge.close();
});

const stale = {
  code: 'ERR_RALLOC_STALE_TOKEN',
  message:
    'The token was received or revoked before, its sender died too long ago, or it is of another slab. A token is received once, by one thread, and revoked by its sender alone',
};

for (const { kind, make } of kinds) {
  test(`${kind}: a token fits no other slab, also where both have sent the same slot`, (t) => {
    const slabs = Array.from({ length: 20 }, () => make({ sizes: [64], count: 8 }));
    const tokens = slabs.map((slab, id) => slab.send(stamp(slab.alloc(20), id)));
    t.is(new Set(tokens).size, 20);
    slabs.forEach((slab, id) => {
      for (const token of tokens.filter((_, other) => other !== id)) {
        t.throws(() => slab.receive(token), stale);
        t.throws(() => slab.revoke(token), stale);
      }
      t.true(isStamped(slab.receive(tokens[id]), id));
      t.throws(() => slab.receive(tokens[id]), stale, 'a second time');
      slab.close({ force: true });
    });
  });

  test(`${kind}: received Buffers count in the peak`, (t) => {
    const slab = make({ sizes: [64], count: 16 });
    const take = () => Array.from({ length: 8 }, () => slab.alloc(20));
    const tokens = take().map((buffer) => slab.send(buffer));
    const buffers = take();
    t.is(slab.stats().pools[0].peak, 8);
    for (const token of tokens) buffers.push(slab.receive(token));
    t.is(slab.stats().pools[0].peak, 16);
    for (const buffer of buffers) slab.free(buffer);
    addsUp(t, slab);
    slab.close();
  });
}
