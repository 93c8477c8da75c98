'use strict';
// tier: run-time

// The system refuses memory: a child whose address space is limited while it runs.

const http = require('node:http');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const { start } = require('../helpers/child.js');
const { isNative } = require('../helpers/backend.js');
const { limitTest, limitAddressSpace, nativeLimitTest } = require('../helpers/prlimit.js');

const MiB = 1024 * 1024;
// A thread that calls malloc for the first time would take 64 MiB of the address space for an arena of its own.
const env = { ...process.env, MALLOC_ARENA_MAX: '1' };
const LARGE = 1024 * MiB;
// V8 dies where it gets nothing, and on the fallback before that: it collects with all its might first.
const LEFT = (isNative ? 64 : 512) * MiB;

/** A process with an arena that does as it is told. */
async function startArena() {
  const told = start('memory/told.js', { env });
  await told.ask({ make: { maxBytes: 2 ** 40 } });
  return told;
}

limitTest('refused memory is a typed error, and the arena lives on', async (t) => {
  const { child, ask, stop } = await startArena();
  t.deepEqual(await ask({ alloc: 10 * MiB }), { length: 10 * MiB });
  const before = await ask({ stats: true });

  limitAddressSpace(child.pid, LEFT);
  const refused = await ask({ alloc: LARGE });
  t.is(refused.name, 'RallocError');
  t.is(refused.code, 'ERR_RALLOC_MAP');
  t.is(refused.syscall, isNative ? 'mmap' : 'ArrayBuffer');
  t.is(refused.errno, 12);
  t.is(refused.errnoCode, 'ENOMEM');
  t.is(refused.requested, LARGE);
  t.regex(refused.message, /refused \d+ bytes: ENOMEM \(errno 12\)/);
  t.deepEqual(await ask({ stats: true }), before);
  t.deepEqual(await ask({ check: true }), { intact: true });
  t.deepEqual(await ask({ alloc: 100 }), { length: 100 });
  t.is((await ask({ scope: LARGE })).code, 'ERR_RALLOC_MAP');
  t.deepEqual(await ask({ check: true }), { intact: true }, 'the scope has ended');

  limitAddressSpace(child.pid, 'unlimited');
  t.deepEqual(await ask({ scope: LARGE }), { length: LARGE });
  t.deepEqual(await ask({ alloc: LARGE }), { length: LARGE });
  t.deepEqual(await ask({ check: true }), { intact: true });
  const [code, signal] = await stop();
  t.deepEqual([code, signal], [0, null]);
});

nativeLimitTest(
  'where address space ran out, the arena serves what it has, and goes on later',
  'V8 dies there',
  async (t) => {
    const { child, ask, stop } = await startArena();
    await ask({ alloc: 1 });
    limitAddressSpace(child.pid, LEFT);
    const step = 24 * MiB; // two fit, and 16 MiB stay for V8
    const { buffers, error, intact } = await ask({ fill: step });
    t.log(`${buffers} Buffers of ${step} bytes, then ${error.syscall}: ${error.errnoCode}`);
    t.is(error.code, 'ERR_RALLOC_MAP');
    t.is(buffers, 2);
    t.true(intact);
    t.is((await ask({ alloc: LARGE })).code, 'ERR_RALLOC_MAP');
    t.deepEqual(await ask({ check: true }), { intact: true });
    limitAddressSpace(child.pid, 'unlimited');
    t.deepEqual(await ask({ alloc: LARGE }), { length: LARGE });
    t.deepEqual(await ask({ check: true }), { intact: true });
    t.deepEqual(await stop(), [0, null]);
  },
);

/** A chunk for this is of 320 MiB, a heap Buffer is not: a limit in between refuses only ralloc. */
const REQUESTED = 256 * MiB + 1;
const BETWEEN = 288 * MiB;

async function get(port, size) {
  const request = http.get({ port, path: `/${size}`, agent: false });
  const [response] = await once(request, 'response');
  return JSON.parse(await text(response));
}

const mappedOf = ({ memory }) => memory.mapped + memory.recycled;

nativeLimitTest(
  'requests whose memory the system refuses are served from the heap, counted and warned of, and later natively again',
  'its chunks are as large as heap Buffers',
  async (t) => {
    const { child, ask, stop } = start('memory/refused-requests.js', { silent: true, env });
    const { port } = await ask({ listen: true });
    t.deepEqual(await get(port, 1000), { length: 1000, ofArena: true });
    const before = await ask({ stats: true });
    t.is(before.stats.heapRequests, 0);

    limitAddressSpace(child.pid, BETWEEN);
    t.deepEqual(await get(port, REQUESTED), { length: REQUESTED, ofArena: false });
    const limited = await ask({ stats: true });
    t.is(limited.stats.heapRequests, 1);
    t.is(limited.stats.heapBuffers, 1);
    t.is(limited.stats.heapBytes, REQUESTED);
    t.is(mappedOf(limited.stats), mappedOf(before.stats));
    t.is(limited.warnings.length, 1);
    t.is(limited.warnings[0].code, 'RALLOC_HEAP_FALLBACK');
    t.regex(limited.warnings[0].message, /mmap refused \d+ bytes: ENOMEM/);
    t.deepEqual(
      await get(port, 1000),
      { length: 1000, ofArena: true },
      'what is there still serves',
    );

    limitAddressSpace(child.pid, 'unlimited');
    t.deepEqual(await get(port, REQUESTED), { length: REQUESTED, ofArena: true });
    const after = await ask({ stats: true });
    t.is(after.stats.heapRequests, 1);
    t.true(mappedOf(after.stats) > mappedOf(before.stats)); // a second may pass in between, and chunks with it
    t.is(after.stats.finished, 4);
    t.deepEqual(await stop(), [0, null]);
  },
);
