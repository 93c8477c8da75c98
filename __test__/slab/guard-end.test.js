'use strict';
// tier: run-time

// The guard beside everything else that ends a slot: close(), send(), idle memory that goes back, other threads, theft;
// and Buffers that are dead before the operation begins.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { Slab } = require('../..');
const { begin } = require('../../lib/guard/operation.js');
const { isDead, isStamped, stamp, stamped } = require('../helpers/bytes.js');
const { nativeTest } = require('../helpers/backend.js');
const operations = require('../helpers/operations.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { steal } = require('../helpers/theft.js');
const { until } = require('../helpers/until.js');

const SIZE = 512 * 1024; // more than a pipe takes at once
const DEAD = { code: 'ERR_RALLOC_DEAD_BUFFER' };
const write = promisify(fs.write);
const writev = promisify(fs.writev);

for (const { title, isShared, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [64], count: 8, guard: true, ...options });

  for (const name of ['fs.write', 'fs.read', 'a write to another socket']) {
    for (const way of ['a Buffer that is held', 'one that was freed']) {
      test.serial(`${title}: close() with ${name} of ${way} in flight`, async (t) => {
        const slab = make({ sizes: [SIZE], count: 4 });
        const all = Array.from({ length: 4 }, (_, id) => stamp(slab.alloc(SIZE), id));
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
        const next = make({ sizes: [SIZE], count: 4 });
        const others = Array.from({ length: 4 }, (_, id) => stamp(next.alloc(SIZE), 100 + id));
        const seen = await operation.finish();
        if (name !== 'fs.read') t.true(seen.equals(stamped(SIZE, 0)));
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
    const slab = make({ sizes: [SIZE], count: undefined, maxCount: 16, idleMs: 20 });
    const buffer = stamp(slab.alloc(SIZE), 7);
    const operation = operations['fs.write'](buffer);
    slab.free(buffer);
    const rest = Array.from({ length: 15 }, () => slab.alloc(SIZE));
    for (const one of rest) slab.free(one);
    await until(() => slab.stats().count <= 2);
    t.like(slab.stats(), { inFlight: 1, held: 0 });
    t.true((await operation.finish()).equals(stamped(SIZE, 7)));
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
