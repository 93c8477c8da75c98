'use strict';
// tier: run-time

// The option `autoFree`: what nobody has any more is free once V8 has collected it.

const test = require('ava');
const { setImmediate: turn } = require('node:timers/promises');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const { Readable } = require('node:stream');
const { Region } = require('../..');
const { kHolder } = require('../../lib/base/protocol.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { fresh } = require('../helpers/fresh.js');
const { soundRegion } = require('../helpers/region.js');
const { gc, until, untilCollected, turns } = require('../helpers/until.js');
const { Fifo } = require('../helpers/fifo.js');

const MiB = 2 ** 20;

test('a full region asks for a collection, and tells whether anything was dropped since the last that it got', (t) => {
  const asked = [];
  let isGiven = false;
  const requestMajor = (helped) => asked.push(helped) > 0 && isGiven;
  const { AutoFree } = fresh('region/auto-free.js', { 'memory/gc.js': { requestMajor } });
  const dropped = [];
  const autoFree = new AutoFree((token) => dropped.push(token));
  autoFree.collect();
  isGiven = true;
  autoFree.collect();
  autoFree.collect();
  autoFree.drop('a token');
  autoFree.collect();
  t.deepEqual(asked, [true, true, false, true]);
  t.deepEqual(dropped, ['a token']);
});

/** Waits until V8 has collected so much that so many Buffers are held. */
const untilHeld = (region, held) => untilCollected(() => region.stats().held === held);

async function collected(rounds = 5) {
  for (let i = 0; i < rounds; i++) {
    gc();
    await turn();
  }
}

test.serial(
  'Buffers that nobody has are freed, and those that somebody has keep their bytes',
  async (t) => {
    const region = new Region({ autoFree: true });
    const kept = [];
    (() => {
      for (let i = 0; i < 300; i++) {
        const buffer = stamp(region.alloc(i % 50 === 0 ? MiB : 1 + i * 37), i);
        if (i % 3 === 0) kept.push({ buffer, i });
      }
    })();
    await untilHeld(region, kept.length);
    for (const { buffer, i } of kept) t.true(isStamped(buffer, i));
    soundRegion(t, region);
    for (const { buffer } of kept) region.free(buffer);
    t.is(region.stats().held, 0);
    await collected();
    t.is(region.stats().held, 0);
    region.close();
  },
);

test.serial('what was freed is not freed again when its Buffer is collected', async (t) => {
  const region = new Region({ autoFree: true });
  (() => {
    for (let i = 0; i < 50; i++) region.free(region.alloc(1000));
  })();
  const mine = Array.from({ length: 50 }, (_, i) => stamp(region.alloc(1000), i)); // at the same places
  await collected();
  t.is(region.stats().held, 50);
  t.true(mine.every(isStamped));
  t.throws(() => region.free(mine[0].subarray()), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
  const [first] = mine;
  region.free(first);
  t.throws(() => region.free(first), { code: 'ERR_RALLOC_DOUBLE_FREE' });
  region.close({ force: true });
});

test.serial('a view of a Buffer keeps its block', async (t) => {
  const region = new Region({ autoFree: true });
  const views = (() => {
    const make = () => stamp(region.alloc(1000), 1);
    return [
      make().subarray(),
      make().subarray(10, 500).subarray(5),
      make().slice(1).slice(1),
      make().subarray(3).slice(4, 9).subarray(1),
    ];
  })();
  t.deepEqual(
    views.map(({ length }) => length),
    [1000, 485, 998, 4],
  );
  t.true(views.every((view) => Buffer.isBuffer(view) && view.constructor === Buffer));
  await collected();
  t.is(region.stats().held, 4);
  views.length = 2;
  await untilHeld(region, 2);
  t.is(views[1].length, 485);
  region.close({ force: true });
});

test.serial('a block with an operation in flight waits for it', async (t) => {
  const region = new Region({ autoFree: true, guard: true });
  const ends = [100, MiB].map((size) => {
    const buffer = region.alloc(size);
    return buffer.buffer[kHolder].take(buffer, 'fs');
  });
  await untilHeld(region, 0);
  t.like(region.stats(), { held: 0, inFlight: 2 });
  for (const end of ends) end();
  t.like(region.stats(), { inFlight: 0, used: 0 });
  region.close();
});

test.serial('a region that is full of what nobody has gets its bytes back', async (t) => {
  const region = new Region({ autoFree: true, maxBytes: 2 * MiB });
  (() => {
    while (region.tryAlloc(10_000) !== null);
  })();
  let failures = 0;
  await until(() => {
    const buffer = region.tryAlloc(10_000);
    if (buffer === null) failures++;
    return buffer !== null;
  });
  t.is(region.stats().failed, failures + 1);
  region.close({ force: true });
});

for (const [what, valueAt] of [
  ['small objects', (i) => ({ i, at: { i } })],
  ['arrays', () => new Array(8192).fill(0.5)],
]) {
  test.serial(`so does one beside a heap of 50 MiB of ${what}`, async (t) => {
    const live = [];
    gc(); // what other tests have left is no heap that stays
    const enough = process.memoryUsage().heapUsed + 50 * MiB;
    while (process.memoryUsage().heapUsed < enough) {
      for (let i = 0; i < 1000; i++) live.push(valueAt(i));
    }
    const region = new Region({ autoFree: true, maxBytes: 2 * MiB });
    // Entries of a cache are old when they are dropped: no collection of the young generation finds them. The region is full before that, so that what is
    // collected meanwhile is room for nobody else.
    const cache = [];
    for (let one = region.tryAlloc(10_000); one !== null; one = region.tryAlloc(10_000))
      cache.push(one);
    gc();
    gc();
    cache.length = 50;
    await until(() => region.tryAlloc(10_000) !== null, 20);
    await until(() => region.stats().held < cache.length + 50, 20);
    t.true(live.length > 0);
    region.close({ force: true });
  });
}

test.serial('a region that nobody has any more goes, and its Buffers stay', async (t) => {
  const buffers = (() => {
    const region = new Region({ autoFree: true });
    return [stamp(region.alloc(5000), 1), stamp(region.alloc(MiB), 2)];
  })();
  await collected();
  t.true(isStamped(buffers[0], 1) && isStamped(buffers[1], 2));
});

// Operations of Node that drop the Buffer which they were given and go on with a view of their own: with `autoFree` V8 collects it
// then, in the midst of the operation, and others take all bytes that there are and fill them. Nobody asked for `guard`.

const SIZE = 200_000; // more than a pipe takes

/** Writes the Buffer of make() to a pipe that nobody reads yet: of this length. */
const toPipe = (length, write) => async (make) => {
  const fifo = new Fifo();
  const handle = await fs.promises.open(fifo.path, 'r+');
  const done = write(make, fifo, handle);
  return async () => {
    const bytes = await fifo.readAll(length);
    await done;
    await handle.close();
    fifo.close();
    return bytes;
  };
};

/** A socket that learns the address of 'slow' when it is wanted to. */
async function sendSlowly(send) {
  let resolve;
  const lookup = (name, _family, callback) => {
    resolve = () => callback(null, '127.0.0.1', 4);
    if (name !== 'slow') process.nextTick(resolve);
  };
  const from = dgram.createSocket({ type: 'udp4', lookup });
  from.bind(0);
  const to = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await Promise.all([once(from, 'listening'), once(to, 'listening')]);
  send(from, to.address().port);
  return async () => {
    const received = once(to, 'message');
    resolve();
    const [message] = await received;
    from.close();
    to.close();
    return message;
  };
}

const unshifting = (put) => async (make) => {
  const readable = new Readable({ read() {} });
  put(readable, make);
  readable.push(null);
  return async () => Buffer.concat(await readable.toArray());
};

/** Each starts an operation on the Buffer that it makes, and gives what lets it go on, and tells its bytes. */
const operations = {
  'fs.promises.writeFile': toPipe(SIZE, (make, { path }) =>
    fs.promises.writeFile(path, make(SIZE)),
  ),
  'fs.promises.writeFile of a view': toPipe(SIZE - 10, (make, { path }) =>
    fs.promises.writeFile(path, make(SIZE).subarray(10)),
  ),
  'FileHandle.writeFile': toPipe(SIZE, (make, _fifo, handle) => handle.writeFile(make(SIZE))),
  'fs.writeFile': toPipe(
    SIZE,
    (make, { path }) => new Promise((resolve) => fs.writeFile(path, make(SIZE), resolve)),
  ),
  'dgram.send with an offset': (make) =>
    sendSlowly((socket, port) => socket.send(make(1000), 10, 900, port, 'slow')),
  'readable.unshift of a view': unshifting((readable, make) =>
    readable.unshift(make(SIZE).subarray(9)),
  ),
  'readable.push and read(n)': unshifting((readable, make) => {
    readable.push(make(SIZE));
    readable.read(100);
  }),
};

for (const [name, begin] of Object.entries(operations)) {
  test.serial(
    `what ${name} was given keeps its bytes past the collection of its Buffer`,
    async (t) => {
      const region = new Region({ autoFree: true, maxBytes: 2 ** 20 });
      const finish = await begin((size) => stamp(region.alloc(size), 3));
      for (let i = 0; i < 3; i++) {
        await turn();
        gc();
        await turns(10); // Node 20 hears of nobody while collections follow each other at once
      }
      const others = [];
      for (let one = region.tryAlloc(1000, 255); one !== null; one = region.tryAlloc(1000, 255))
        others.push(one);
      const seen = await finish();
      const wanted = stamp(Buffer.alloc(seen.length > 1000 ? SIZE : 1000), 3);
      t.true(seen.length > 0 && wanted.includes(seen), 'what the operation saw');
      t.true(others.every((one) => one.every((byte) => byte === 255)));
      others.length = 0;
      await untilCollected(() => region.stats().used === 0);
      t.like(region.stats(), { held: 0, inFlight: 0 });
      region.close();
    },
  );
}

test.serial('with guard: false the guard is left alone', (t) => {
  const region = new Region({ autoFree: true, guard: false });
  t.is(region.alloc(10).buffer[require('../../lib/base/protocol.js').kHolder], undefined);
  region.close({ force: true });
});
