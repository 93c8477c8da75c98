'use strict';
// tier: tools

// A slab under piscina with its default options: several threads, idle ones blocked in Atomics.wait or ended.

const { nativeTest } = require('../helpers/backend.js');
const Piscina = require('piscina');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { addsUp } = require('../helpers/slab.js');
const { until } = require('../helpers/until.js');

const ava = require('ava');

// One after another: a thread is of the pool that is at work.
const test = (title, body) => nativeTest(title, 'a slab stays in its thread', body, ava.serial);

// Threads that are not over yet: also those that were started ahead, or given up.
const threads = new Set();
process.on('worker', (worker) => {
  threads.add(worker);
  worker.once('exit', () => threads.delete(worker));
});

function start(t, slab, safety) {
  const filename = require.resolve('../fixtures/slab/piscina-task.js');
  const pool = new Piscina({ filename, workerData: { handle: slab.handle(), safety } });
  t.teardown(() => pool.destroy());
  return pool;
}

// Not closed: piscina starts threads ahead and does not wait for those that it gave up, which would find no slab
// any more and fail.
const slabs = [];
function makeSlab(options) {
  slabs.push(new Slab(options));
  return slabs.at(-1);
}

/**
 * Resolves when the pool and all threads are gone: one that only starts has no part in the slab yet, and may get it. piscina may start one behind its own
 * end, which nobody ends then.
 */
async function ended(pool, slab) {
  await pool.destroy();
  while (threads.size > 0) await Promise.all([...threads].map((thread) => thread.terminate()));
  await until(() => slab.stats().participants === 1);
}

for (const safety of ['checked', 'recycle']) {
  test(`${safety}: hundreds of tasks exchange Buffers with main by token`, async (t) => {
    const slab = makeSlab({ sizes: [256, 4096, 2 ** 16], count: [256, 128, 64], safety });
    const pool = start(t, slab, safety);
    const sizes = [100, 256, 4000, 2 ** 16];
    for (const name of ['exchange', 'pass']) {
      const tasks = Array.from({ length: 120 }, async (_, i) => {
        const [id, size] = [i * 3, sizes[i % sizes.length]];
        const token = slab.send(stamp(slab.allocUnsafe(size), id));
        const answer = await pool.run({ token, id }, { name });
        const buffer = slab.receive(answer.token);
        const ok = answer.sawIt && buffer.length === size && isStamped(buffer, id + 1);
        slab.free(buffer);
        return ok;
      });
      t.true((await Promise.all(tasks)).every(Boolean), name);
    }
    t.like(slab.stats(), { held: 0, sent: 0 });
    addsUp(t, slab);
    await ended(pool, slab);
    t.like(slab.stats(), { held: 0, sent: 0, elsewhere: 0, participants: 1 });
  });
}

test('a task that is aborted with a Buffer in its hands gives it back with its thread', async (t) => {
  const slab = makeSlab({ sizes: [4096], count: 16 });
  const pool = start(t, slab);
  for (let round = 0; round < 3; round++) {
    const turns = new Int32Array(new SharedArrayBuffer(4));
    const aborter = new AbortController();
    const token = slab.send(slab.alloc(4096));
    const task = pool.run({ token, turns }, { name: 'hang', signal: aborter.signal });
    await until(() => Atomics.load(turns, 0) > 10);
    t.like(slab.stats(), { sent: 0, elsewhere: 1 });
    aborter.abort();
    await t.throwsAsync(task, { name: 'AbortError' });
    await until(() => slab.stats().elsewhere === 0);
    const { free, cached } = slab.stats();
    t.is(free + cached, 16);
  }
  await ended(pool, slab);
});
