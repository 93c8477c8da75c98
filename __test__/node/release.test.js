'use strict';
// tier: run-time, differs

// Memory that Node allocated, given back: lib/node/release.js.

const test = require('ava');
const crypto = require('node:crypto');
const fs = require('node:fs');
const { setImmediate: turn } = require('node:timers/promises');
const vm = require('node:vm');
const { MessageChannel, markAsUntransferable } = require('node:worker_threads');
const zlib = require('node:zlib');
const { Arena, Slab, release, stats } = require('../..');
const { nodeMajor } = require('../helpers/backend.js');
const { stamp, stamped, isDead, sameStamp } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { releases } = require('../helpers/given-back.js');

const LEN = 100_000;

test.before(releases);

test('a Buffer that owns its ArrayBuffer is dead, and so is every view over it', (t) => {
  const buffer = stamped(LEN, 1);
  const views = [buffer.subarray(10), new Float64Array(buffer.buffer), new DataView(buffer.buffer)];
  t.is(release(buffer), LEN);
  t.true(isDead(buffer));
  t.is(buffer.buffer.byteLength, 0);
  t.deepEqual(
    views.slice(0, 2).map(({ length }) => length),
    [0, 0],
  );
  t.throws(() => views[2].byteLength, { instanceOf: TypeError });
});

const producers = {
  'Buffer.alloc': () => Buffer.alloc(LEN),
  'Buffer.allocUnsafe': () => Buffer.allocUnsafe(LEN),
  'Buffer.from of text': () => Buffer.from('x'.repeat(LEN)),
  'Buffer.from of an ArrayBuffer': () => Buffer.from(new ArrayBuffer(LEN)),
  'a typed array': () => new Float64Array(1000),
  'a DataView': () => new DataView(new ArrayBuffer(LEN)),
  'fs.readFileSync': () => fs.readFileSync(require.resolve('../../package-lock.json')),
  'crypto.randomBytes': () => crypto.randomBytes(LEN),
  'a digest': () => crypto.createHash('sha512').update('x').digest(),
  'zlib.gzipSync': () => zlib.gzipSync(crypto.randomBytes(LEN)),
  'zlib.gunzipSync': () => zlib.gunzipSync(zlib.gzipSync(crypto.randomBytes(LEN))),
  structuredClone: () => structuredClone(new Uint8Array(LEN)),
  'another realm': () => vm.runInNewContext(`new Uint8Array(${LEN})`),
};
for (const [name, make] of Object.entries(producers)) {
  test(`released: ${name}`, (t) => {
    const view = make();
    const { byteLength } = view;
    t.true(byteLength > 0);
    const before = stats().bodies.released;
    t.is(release(view), byteLength);
    t.is(view.buffer.byteLength, 0);
    t.is(stats().bodies.released - before, byteLength);
  });
}

const shared = {
  'of the pool of Buffer.allocUnsafe': () => Buffer.allocUnsafe(100),
  'of the pool of Buffer.from': () => Buffer.from('some text'),
  'a slice': () => Buffer.allocUnsafeSlow(LEN).subarray(1),
  'the beginning of a longer one': () => Buffer.from(new ArrayBuffer(LEN), 0, LEN - 1),
};
for (const [name, make] of Object.entries(shared)) {
  test(`not released, since it shares its ArrayBuffer: ${name}`, (t) => {
    const buffer = stamp(make(), 2);
    const before = stats().bodies.left.shared;
    t.is(release(buffer), 0);
    sameStamp(t, buffer, 2);
    t.is(stats().bodies.left.shared - before, buffer.length);
  });
}

const bound = {
  'a SharedArrayBuffer': () => Buffer.from(new SharedArrayBuffer(LEN)),
  'memory of WebAssembly': () => Buffer.from(new WebAssembly.Memory({ initial: 1 }).buffer),
  'a resizable ArrayBuffer': () => Buffer.from(new ArrayBuffer(LEN, { maxByteLength: 2 * LEN })),
  'an untransferable one': () => {
    const buffer = Buffer.allocUnsafeSlow(LEN);
    markAsUntransferable(buffer.buffer);
    return buffer;
  },
  'the whole pool of Buffer.allocUnsafe': () => Buffer.from(Buffer.allocUnsafe(1).buffer),
};
for (const [name, make] of Object.entries(bound)) {
  test(`not released, since nobody can detach it or may: ${name}`, (t) => {
    const buffer = make();
    const copy = Buffer.from(buffer);
    const before = stats().bodies.left.bound;
    t.is(release(buffer), 0);
    t.is(buffer.length, copy.length);
    t.is(stats().bodies.left.bound - before, copy.length);
  });
}

test('what is dead or empty is 0 bytes', (t) => {
  const buffer = Buffer.allocUnsafeSlow(LEN);
  t.is(release(buffer), LEN);
  t.is(release(buffer), 0);
  t.is(release(Buffer.alloc(0)), 0);
  const view = new DataView(new ArrayBuffer(LEN));
  t.is(release(view), LEN);
  t.is(release(view), 0);
  const shrunk = new DataView(new ArrayBuffer(LEN, { maxByteLength: LEN }), 100);
  shrunk.buffer.resize(50);
  t.is(release(shrunk), 0);
  const { port1, port2 } = new MessageChannel();
  const sent = Buffer.allocUnsafeSlow(LEN);
  port1.postMessage(sent.buffer, [sent.buffer]);
  port2.close();
  t.is(release(sent), 0);
});

for (const guard of [true, false]) {
  for (const safety of ['detach', 'gc', 'recycle']) {
    test(`a chunk of an arena is the arena’s: ${safety}${guard ? ', with the guard' : ''}`, (t) => {
      const arena = new Arena({ safety, guard });
      for (let round = 0; round < 3; round++) {
        const buffer = stamp(arena.allocUnsafe(65536), round);
        t.is(buffer.buffer.byteLength, 65536); // all of its ArrayBuffer
        t.is(release(buffer), 0);
        sameStamp(t, buffer, round);
        arena.reset();
      }
      t.is(arena.stats().memory.stolen, 0);
      arena.close();
    });
  }
  test(`a slot of a slab is the slab’s${guard ? ', with the guard' : ''}`, (t) => {
    const slab = new Slab({ sizes: [1024 * 1024], count: 2, guard });
    const buffer = stamp(slab.alloc(1024 * 1024), 5);
    t.is(buffer.buffer.byteLength, buffer.length);
    t.is(release(buffer), 0);
    sameStamp(t, buffer, 5);
    slab.close({ force: true });
  });
}

const noViews = {
  undefined: undefined,
  null: null,
  number: 1,
  text: 'text',
  object: {},
  array: [],
  ArrayBuffer: new ArrayBuffer(8),
  'Proxy of a Buffer': new Proxy(Buffer.alloc(1), {}),
};
for (const [name, value] of Object.entries(noViews)) {
  test(`what is no view is refused: ${name}`, (t) => {
    t.throws(() => release(value), {
      instanceOf: TypeError,
      code: 'ERR_RALLOC_INVALID_ARGUMENT',
      message:
        /^The "buffer" argument must be an instance of Buffer, TypedArray, or DataView\. Received /,
    });
  });
}

test('what a view says of itself is not believed', (t) => {
  const mine = stamped(LEN, 3);
  const buffer = Buffer.allocUnsafeSlow(LEN);
  Object.defineProperty(buffer, 'buffer', { value: mine.buffer });
  t.is(release(buffer), LEN);
  sameStamp(t, mine, 3);
});

test('memory comes back at once, without a turn of the event loop', async (t) => {
  await turn();
  const before = process.memoryUsage.rss();
  let highest = 0;
  for (let i = 0; i < 200; i++) {
    t.is(release(Buffer.allocUnsafeSlow(4 * 1024 * 1024).fill(1)), 4 * 1024 * 1024);
    highest = Math.max(highest, process.memoryUsage.rss() - before);
  }
  t.true(highest < 40 * 1024 * 1024, `${highest} bytes more, of 800 MiB`); // two or three at a time
});

test('it keeps no process alive; on Node 20 it works from the next turn on', async (t) => {
  const { code, result } = await run('memory/release.js');
  t.is(code, 0);
  t.deepEqual(result, [nodeMajor === 20 ? 0 : 100, 100]);
});
