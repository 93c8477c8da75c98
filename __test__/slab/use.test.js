'use strict';
// tier: run-time

// Buffers of a slab that free themselves: at the end of use(), by Symbol.dispose, by `using`.

const test = require('ava');
const { isZero } = require('../helpers/bytes.js');
const { testWhere, nodeMajor } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { modes } = require('../helpers/slab-kinds.js');

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
    const escaped = { code: 'ERR_RALLOC_ESCAPED' };
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
