'use strict';
// tier: run-time

// Operations of Node on slots that are freed meanwhile: the option `guard`. Each hangs until the test lets it go on,
// and others take all slots and fill them.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { isStamped, stamp, stamped } = require('../helpers/bytes.js');
const { Fifo } = require('../helpers/fifo.js');
const operations = require('../helpers/operations.js');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { until } = require('../helpers/until.js');

const SIZE = 512 * 1024; // more than a pipe or a socket takes at once
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

for (const { title: mode, isShared, make: makeKind } of modes) {
  const make = (options) => makeKind({ sizes: [SIZE], count: COUNT, ...options });

  for (const [name, begin] of Object.entries(operations)) {
    for (const [what, viewOf] of Object.entries(views)) {
      for (const guard of [true, false]) {
        // All of them for one kind: what a guard holds does not depend on where the slots lie.
        if (isShared && !(guard && name === 'fs.read' && what === 'a view of two slots')) continue;
        const title = `${mode}: ${name} of ${what} in flight past its free, ${guard ? 'with' : 'without'} the guard`;
        test.serial(title, async (t) => {
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
        });
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

  test.serial(`${mode}: what a stream has in its queue is held until it is written`, async (t) => {
    const slab = make({ guard: true });
    const fifo = new Fifo();
    const stream = fs.createWriteStream('', { fd: fifo.fd, autoClose: false });
    const ids = [1, 2, 3];
    for (const id of ids) slab.use(SIZE, (buffer) => stream.write(stamp(buffer, id)));
    t.is(slab.stats().inFlight, 3);
    takeAll(slab);
    const parts = [];
    let bytes = 0;
    await until(() => {
      for (let part = fifo.read(); part !== null; part = fifo.read()) {
        bytes += parts[parts.push(part) - 1].length;
      }
      return bytes === 3 * SIZE;
    });
    await until(() => slab.stats().inFlight === 0);
    t.true(Buffer.concat(parts).equals(Buffer.concat(ids.map((id) => stamped(SIZE, id)))));
    t.is(slab.stats().guarded.stream.operations, 3);
    fifo.close();
    slab.close({ force: true });
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
