'use strict';
// tier: run-time

// Operations of Node on slots that are freed meanwhile: the option `guard`. Each hangs until the test lets it go on,
// and others take all slots and fill them.

require('../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { Writable } = require('node:stream');
const { isStamped, stamp, stamped, isDead } = require('../helpers/bytes.js');
const { Fifo } = require('../helpers/fifo.js');
const operations = require('../helpers/operations.js');
const { inFlightTest } = require('../helpers/needs.js');
const { addsUp } = require('../helpers/slab.js');
const { modes: allModes } = require('../helpers/slab-kinds.js');
const { until, untilCollected } = require('../helpers/until.js');
const { Slab, slab: defaultSlab } = require('../..');
const { begin, beginAll } = require('../../lib/node/guard/operation.js');
const { nativeTest } = require('../helpers/backend.js');
const { steal } = require('../helpers/theft.js');
const { release } = require('../../lib/slab/buffer.js');
const { SlabCore } = require('../../lib/slab/core.js');
const { slabSettings } = require('../../lib/slab/options.js');
const { run } = require('../helpers/child.js');

const modes = allModes.filter(
  ({ kind, safety }) =>
    ['of one thread', 'attached'].includes(kind) ||
    (kind === 'opened by name' && safety === 'checked'),
);

const SIZE = 256 * 1024; // more than a pipe or a socket takes at once
const COUNT = 4;

/** What an operation is given of two Buffers that are neighbours. */
const views = {
  'the Buffer': (first) => first,
  'a view of it': (first) => first.subarray(16),
  'a typed array over it': ({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset, SIZE),
  'a view of two slots': ({ buffer }) => new Uint8Array(buffer, 0, 2 * SIZE),
};

/** All Buffers that the slab still has, stamped. */
function takeAll(slab) {
  const all = [];
  for (let one = slab.tryAllocUnsafe(SIZE); one !== null; one = slab.tryAllocUnsafe(SIZE)) {
    all.push(stamp(one, 100 + all.length));
  }
  return all;
}

/** Two Buffers that share an ArrayBuffer, the first at its start. */
function neighbours(slab) {
  const all = takeAll(slab);
  const first = all.find(({ byteOffset }) => byteOffset === 0);
  const second = all.find((one) => one !== first && one.buffer === first.buffer);
  for (const one of all) if (one !== first && one !== second) slab.free(one);
  return [stamp(first, 1), stamp(second, 2)];
}

/** All for one kind and mode: what a guard holds depends neither on where the slots lie nor on how Buffers are made. */
const isTried = ({ safety, isShared }, name, what, guard) => {
  if (isShared) return guard && name === 'fs.read' && what === 'a view of two slots';
  return what === 'the Buffer' || (guard && safety === 'checked');
};

for (const kind of modes) {
  const { title: mode } = kind;
  const make = (options) => kind.make({ sizes: [SIZE], count: COUNT, ...options });

  for (const [name, begin] of Object.entries(operations)) {
    for (const [what, viewOf] of Object.entries(views)) {
      for (const guard of [true, false]) {
        if (!isTried(kind, name, what, guard)) continue;
        const title = `${mode}: ${name} of ${what} in flight past its free, ${guard ? 'with' : 'without'} the guard`;
        const body = async (t) => {
          const slab = make({ guard });
          const pair = neighbours(slab);
          const view = viewOf(pair[0]);
          const mine = pair.filter(({ byteOffset }) => byteOffset < view.byteOffset + view.length);
          const before = Buffer.from(view);
          const operation = await begin(view);
          for (const buffer of pair) slab.free(buffer);
          addsUp(t, slab);
          t.is(slab.stats().inFlight, guard ? mine.length : 0);
          const others = takeAll(slab);
          t.is(others.length, guard ? COUNT - mine.length : COUNT);
          const seen = await operation.finish();
          const intact = others.every((buffer, i) => isStamped(buffer, 100 + i));
          t.is(intact, guard || name !== 'fs.read', 'the bytes of the others');
          if (name !== 'fs.read') t.is(before.equals(seen), guard, 'what the operation saw');
          t.like(slab.stats(), { inFlight: 0, held: others.length });
          others.push(...takeAll(slab));
          others.forEach(stamp);
          t.is(others.length, COUNT, 'every slot can be had again');
          t.true(others.every(isStamped), 'once');
          for (const buffer of others) slab.free(buffer);
          addsUp(t, slab);
          slab.close();
        };
        inFlightTest(name, !guard, title, body, test.serial);
      }
    }
  }

  test.serial(`${mode}: a Buffer that was freed in flight is freed for its user`, async (t) => {
    const slab = make({ guard: true });
    const buffer = stamp(slab.alloc(SIZE), 1);
    const operation = operations['fs.write'](buffer);
    slab.free(buffer);
    t.false(slab.owns(buffer));
    t.throws(() => slab.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.throws(() => slab.send(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    buffer[Symbol.dispose]();
    t.true(isStamped(buffer, 1), 'it shows its bytes, as any that was freed');
    t.like(slab.stats(), { held: 0, inFlight: 1, refused: 2 });
    t.like(slab.stats().pools[0], { held: 0, inFlight: 1, peak: 1 });
    t.like(slab.stats().guarded.fs, { operations: 1, bytes: SIZE });
    await operation.finish();
    t.like(slab.stats(), { held: 0, inFlight: 0 });
    slab.close();
  });

  test.serial(`${mode}: use() and Symbol.dispose free in flight as free() does`, async (t) => {
    const slab = make({ guard: true });
    const inFlight = [];
    const begin = (buffer, id) => inFlight.push(operations['fs.write'](stamp(buffer, id)));
    slab.use(SIZE, (buffer) => void begin(buffer, 0));
    await slab.use(SIZE, async (buffer) => void begin(buffer, 1));
    const third = slab.alloc(SIZE);
    begin(third, 2);
    third[Symbol.dispose]();
    third[Symbol.dispose]();
    t.like(slab.stats(), { held: 0, inFlight: 3 });
    const others = takeAll(slab);
    t.is(others.length, 1);
    for (const [id, operation] of inFlight.entries()) {
      t.true((await operation.finish()).equals(stamped(SIZE, id)));
    }
    slab.free(others[0]);
    t.like(slab.stats(), { held: 0, inFlight: 0 });
    slab.close();
  });

  test.serial(`${mode}: in its callback and after its promise an operation is over`, async (t) => {
    const slab = make({ guard: true });
    const fifo = new Fifo();
    const seen = [];
    const look = (buffer) => {
      slab.free(slab.receive(slab.send(buffer)));
      seen.push(slab.stats().inFlight);
    };
    const first = slab.alloc(100);
    fifo.write(Buffer.alloc(100));
    await new Promise((resolve) => {
      fs.read(fifo.fd, first, 0, 100, null, () => resolve(look(first)));
    });
    const second = slab.alloc(100);
    fifo.write(Buffer.alloc(100));
    await promisify(fs.read)(fifo.fd, second, 0, 100, null).then(() => look(second));
    const third = [slab.alloc(100), slab.alloc(100)];
    await new Promise((resolve) => {
      fs.writev(fifo.fd, third, () => resolve(third.forEach(look)));
    });
    t.deepEqual(seen, [0, 0, 0, 0]);
    fifo.close();
    slab.close();
  });
}

// The guard beside everything else that ends a slot: close(), send(), idle memory that goes back, other threads, theft;
// and Buffers that are dead before the operation begins.

const DEAD = { code: 'ERR_RALLOC_DEAD_BUFFER' };
const write = promisify(fs.write);
const writev = promisify(fs.writev);

for (const { title, isShared, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [64], count: 8, guard: true, ...options });

  for (const name of ['fs.write', 'fs.read', 'a write to another socket']) {
    for (const way of ['a Buffer that is held', 'one that was freed']) {
      if (isShared && name !== 'fs.write') continue;
      test.serial(`${title}: close() with ${name} of ${way} in flight`, async (t) => {
        const size = 2 * SIZE; // two in an ArrayBuffer
        const slab = make({ sizes: [size], count: 4 });
        const all = Array.from({ length: 4 }, (_, id) => stamp(slab.alloc(size), id));
        const [buffer] = all;
        const operation = await operations[name](buffer);
        if (way === 'one that was freed') for (const one of all) slab.free(one);
        else t.throws(() => slab.close(), { code: 'ERR_RALLOC_IN_USE' });
        slab.close({ force: way === 'a Buffer that is held' });
        t.is(slab.stats().live, false);
        slab.close();
        const other = all.find((one) => one.buffer !== buffer.buffer);
        t.true(isDead(other), 'no operation uses its ArrayBuffer');
        t.true(isStamped(buffer, 0));
        const next = make({ sizes: [size], count: 4 });
        const others = Array.from({ length: 4 }, (_, id) => stamp(next.alloc(size), 100 + id));
        const seen = await operation.finish();
        if (name !== 'fs.read') t.true(seen.equals(stamped(size, 0)));
        t.true(others.every((one, id) => isStamped(one, 100 + id)));
        await until(() => isDead(buffer));
        next.close({ force: true });
      });
    }
  }

  test(`${title}: close() leaves an ArrayBuffer to the last operation on it`, (t) => {
    const slab = make();
    const all = [slab.alloc(10), slab.alloc(10)];
    const ends = all.map((buffer) => begin(buffer, 'fs'));
    slab.close({ force: true });
    t.throws(() => slab.free(all[0]), { code: 'ERR_RALLOC_CLOSED' });
    ends[0]();
    t.false(all.some(isDead));
    ends[1]();
    t.true(all.every(isDead));
  });

  test(`${title}: a Buffer in flight is not sent, and nothing has changed then`, (t) => {
    const slab = make();
    const buffer = slab.alloc(10);
    const end = begin(buffer.subarray(3), 'fs');
    const before = slab.stats();
    const error = t.throws(() => slab.send(buffer), { code: 'ERR_RALLOC_IN_USE' });
    t.is(error.inUse, 1);
    t.deepEqual(slab.stats(), before);
    const other = slab.alloc(10);
    t.notThrows(() => slab.free(slab.revoke(slab.send(other))));
    end();
    slab.free(slab.receive(slab.send(buffer)));
    slab.close();
  });

  test(`${title}: an operation on a Buffer that was freed or sent is an error, and holds nothing`, async (t) => {
    const slab = make();
    const [freed, sent, live] = [slab.alloc(10), slab.alloc(10), slab.alloc(10)];
    const view = freed.subarray(0);
    slab.free(freed);
    const token = slab.send(sent);
    for (const buffer of [freed, sent]) {
      await t.throwsAsync(write(1, buffer), DEAD);
      await t.throwsAsync(writev(1, [live, buffer]), DEAD);
    }
    slab.free(live);
    t.is(slab.stats().inFlight, 0);
    const end = begin(view, 'fs');
    t.is(typeof end, 'function', 'a view does not tell');
    end();
    slab.free(slab.receive(token));
    slab.close();
    await t.throwsAsync(write(1, view), DEAD);
  });

  test(`${title}: a slot whose ArrayBuffer is taken in flight is stolen`, async (t) => {
    const slab = make();
    const buffer = slab.alloc(10);
    const end = begin(buffer, 'fs');
    slab.free(buffer);
    const other = slab.alloc(10);
    await steal(other);
    t.throws(() => begin(other, 'fs'), DEAD);
    addsUp(t, slab);
    end();
    addsUp(t, slab);
    slab.free(other);
    addsUp(t, slab);
    // Of a shared slab others have those that were free.
    t.like(slab.stats(), { inFlight: 0, stolen: isShared ? 2 : 8 });
    slab.close();
  });
}

for (const safety of ['checked', 'recycle']) {
  const make = (options) => new Slab({ sizes: [64], count: 8, safety, guard: true, ...options });

  test(`${safety}: a slot in flight keeps the memory of its segment, and gives it back after`, async (t) => {
    const size = 2 * SIZE; // two in a segment
    const slab = make({ sizes: [size], count: undefined, maxCount: 16, idleMs: 20 });
    const buffer = stamp(slab.alloc(size), 7);
    const operation = operations['fs.write'](buffer);
    slab.free(buffer);
    const rest = Array.from({ length: 15 }, () => slab.alloc(size));
    for (const one of rest) slab.free(one);
    await until(() => slab.stats().count <= 2);
    t.like(slab.stats(), { inFlight: 1, held: 0 });
    t.true((await operation.finish()).equals(stamped(size, 7)));
    await until(() => slab.stats().count === 0);
    slab.close();
  });

  nativeTest(
    `${safety}: no other thread gets a slot in flight, until it is over`,
    'a slab stays in its thread',
    (t) => {
      const slab = make({ count: 7 }); // too few for caches
      const other = Slab.attach(slab.handle(), { safety });
      const mine = Array.from({ length: 7 }, () => slab.alloc(10));
      const end = begin(mine[0], 'stream');
      for (const one of mine) slab.free(one);
      const takeAll = () => {
        let count = 0;
        while (other.tryAlloc(10) !== null) count++;
        return count;
      };
      t.is(takeAll(), 6);
      t.is(other.stats().elsewhere, 1);
      addsUp(t, slab);
      end();
      t.is(takeAll(), 1);
      addsUp(t, slab);
      other.close({ force: true });
      slab.close();
    },
  );

  nativeTest(
    `${safety}: close() in flight leaves other threads all but what is held`,
    'a slab stays in its thread',
    (t) => {
      const slab = make({ sizes: [1024], count: 400 });
      const other = Slab.attach(slab.handle(), { safety });
      const [first, ...cached] = Array.from({ length: 20 }, () => slab.alloc(1024));
      const end = begin(first, 'stream');
      for (const one of cached) slab.free(one);
      slab.close({ force: true });
      t.is(other.stats().free, 399);
      t.is(other.stats().participants, 2);
      end();
      t.is(other.stats().free, 400);
      t.is(other.stats().participants, 1);
      t.true(isDead(first));
      other.close();
    },
  );
}

// Which slots wait for which operations of Node, with the option `guard`. Here nothing is really in flight: operations begin
// and end by hand.

/** The inside of a guarded slab, and its first pool. */
function makeCore(options) {
  const core = new SlabCore({ ...slabSettings(options), guard: true });
  core.open();
  return { core, pool: core.pools[0] };
}

for (const { title, make: makeKind } of modes) {
  const make = () => makeKind({ sizes: [64], count: 8, guard: true });

  test(`${title}: a slot waits for all of its operations, in whatever order they end`, (t) => {
    const slab = make();
    const all = Array.from({ length: 8 }, () => slab.alloc(64));
    const [{ buffer }] = all;
    const ends = [
      begin(all[0], 'fs'),
      begin(all[0].subarray(10), 'fs'),
      begin(new Uint8Array(buffer, 0, 65), 'fs'),
      begin(new DataView(buffer, 64, 448), 'fs'),
      begin(new Float64Array(buffer, 448, 0), 'fs'),
    ];
    t.is(ends[0], ends[1], 'one function, so that a stream sees the same callback');
    for (const one of all) slab.free(one);
    const waiting = () => {
      addsUp(t, slab);
      return slab.stats().inFlight;
    };
    t.is(waiting(), 8);
    ends[3]();
    ends[3]();
    t.is(waiting(), 2);
    ends[0]();
    t.is(waiting(), 2);
    ends[2]();
    t.is(waiting(), 1);
    ends[1]();
    t.is(waiting(), 0);
    ends[4]();
    t.is(slab.stats().guarded.fs.operations, 4, 'none over no bytes');
    t.is(new Set(Array.from({ length: 8 }, () => slab.alloc(1).byteOffset)).size, 8);
    slab.close({ force: true });
  });

  test(`${title}: a slot that a dropped stream had comes back when V8 has collected it`, async (t) => {
    const slab = make();
    const drop = (chunk) => new Writable({ write() {} }).write(chunk);
    const [first, second, third] = [slab.alloc(64), slab.alloc(64), slab.alloc(64)];
    drop(first);
    drop(new Uint8Array(first.buffer, 64, 128));
    slab.free(first);
    slab.free(second);
    t.like(slab.stats(), { inFlight: 2, held: 1 });
    await untilCollected(() => slab.stats().inFlight === 0);
    const forgotten = new WeakRef(begin(third, 'fs'));
    await untilCollected(() => forgotten.deref() === undefined);
    const end = begin(third, 'fs');
    slab.free(third);
    t.is(slab.stats().inFlight, 1);
    end();
    t.is(slab.stats().inFlight, 0);
    slab.close();
  });
}

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: an end that is cut off is finished by the next call`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const buffer = core.allocSlow(64, false);
    const end = begin(buffer, 'fs');
    release(core, buffer);
    pool.limit = 0; // so that it asks for the limit
    core.leased.room = () => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    t.throws(end, { instanceOf: RangeError });
    t.is(pool.inFlight, 1);
    delete core.leased.room;
    core.settle();
    t.deepEqual([pool.inFlight, pool.held, pool.top], [0, 0, 64]);
    core.close(false);
  });

  test(`${safety}: what comes back from operations does not overfill the cache`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const all = Array.from({ length: 20 }, () => core.tryAllocSlow(64, false));
    const ends = all.map((buffer) => begin(buffer, 'fs'));
    for (const one of all) release(core, one);
    core.leased.room = () => 4;
    pool.flushExcess(0);
    for (const end of ends) {
      end();
      t.true(pool.top <= 4);
    }
    t.deepEqual([pool.held, pool.inFlight, pool.claimed], [0, 0, pool.top]);
    core.close(false);
  });

  test(`${safety}: while something is in flight the other Buffers of the pool are freed and cached`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], maxCount: 256, safety });
    const all = Array.from({ length: 64 }, () => core.tryAllocSlow(64));
    const end = begin(all[0], 'fs');
    const other = begin(all[1], 'fs');
    t.is(pool.capacity, 0);
    other();
    other();
    t.is(pool.capacity, 0, 'one is not over');
    for (const one of all) release(core, one);
    t.deepEqual([pool.top, pool.inFlight, pool.held, pool.claimed], [63, 1, 0, 64]);
    for (let i = 0; i < 63; i++) pool.take(64, false);
    core.allocSlow(64, false);
    t.deepEqual([pool.held, pool.peak], [64, 64], 'what waits is not held');
    pool.flushExcess(0);
    t.is(pool.capacity, 0);
    end();
    t.deepEqual([pool.top, pool.inFlight, pool.held, pool.claimed], [64, 0, 64, 128]);
    t.is(pool.capacity, pool.limit);
    for (let i = 0; i < 64; i++) pool.take(64, false);
    t.deepEqual([pool.held, pool.peak], [128, 128]);
    core.close(true);
  });

  test(`${safety}: warnAfterMs does not count what was freed and is in flight`, (t) => {
    const { core, pool } = makeCore({ sizes: [64], count: 8, safety, warnAfterMs: 60_000 });
    const buffer = core.allocSlow(64, false);
    const end = begin(buffer, 'fs');
    t.is(pool.stuck(pool.now).count, 1, 'nobody has freed it');
    release(core, buffer);
    t.is(pool.stuck(pool.now).count, 0);
    end();
    t.is(pool.stuck(pool.now).count, 0);
    core.close();
  });
}

test('operations of several Buffers end before the callback where all are of slabs', (t) => {
  const slab = new Slab({ sizes: [64], count: 8, guard: true });
  const pair = [slab.alloc(10), slab.alloc(10)];
  const end = beginAll(pair, 'fs');
  t.true(end.isFirst);
  end();
  for (const one of pair) slab.free(one);
  t.is(slab.stats().inFlight, 0);
  slab.close();
});

test('the default slab is guarded where Node is wrapped', (t) => {
  const buffer = defaultSlab.alloc(10);
  const end = begin(buffer, 'fs');
  defaultSlab.free(buffer);
  t.is(defaultSlab.stats().inFlight, 1);
  end();
  t.is(defaultSlab.stats().inFlight, 0);
});

test('only a slab that asks for the guard wraps anything of Node', async (t) => {
  const { code, stderr, result } = await run('slab/guard-installed.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, { required: false, made: false, used: false, asked: true });
  const off = await run('slab/guard-installed.js', { env: { RALLOC_GUARD: 'off' } });
  t.deepEqual(Object.values({ ...off.result, shares: false }).some(Boolean), false, off.stderr);
});
