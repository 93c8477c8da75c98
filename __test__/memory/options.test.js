'use strict';
// tier: run-time

// `memory: { hugePages, lock, numaNode, prefault }`: in force, or a typed error that says why not. Which it is
// depends on the machine; every test logs what it got.

const test = require('ava');
const { Arena, RallocError, stats } = require('../..');
const { stamp, isStamped, isZero, isDead } = require('../helpers/bytes.js');
const { start } = require('../helpers/child.js');
const { isNative, nativeTest } = require('../helpers/backend.js');
const { limitLocked, nativeLimitTest, unprivileged } = require('../helpers/prlimit.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const isLinux = process.platform === 'linux';
const SYSCALLS = ['mmap', 'madvise', 'mlock', 'mbind'];

/** The arena, or undefined and a log line: then the error is as documented. */
function granted(t, options) {
  const before = stats().depot.chunks;
  try {
    const arena = new Arena(options);
    t.log(`${JSON.stringify(options.memory)}: granted`);
    return arena;
  } catch (error) {
    t.log(`${JSON.stringify(options.memory)}: ${error.message}`);
    t.true(error instanceof RallocError);
    if (error.code === 'ERR_RALLOC_MAP') {
      if (isLinux) t.true(SYSCALLS.includes(error.syscall), error.syscall);
      t.true(Number.isInteger(error.errno) && error.errno > 0);
      t.regex(error.errnoCode, /^E[A-Z]+$/);
      t.true(error.requested > 0);
    } else {
      t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
      t.regex(error.message, /^options\.memory cannot be granted: \w+/);
    }
    t.is(stats().depot.chunks, before, 'nothing is left of the attempt');
    return undefined;
  }
}

/** Allocates, resets and allocates again, over several chunks; closes the arena. */
function exercise(t, arena) {
  for (let round = 1; round < 4; round++) {
    const buffers = [100, 60 * KiB, 300 * KiB, 2 * MiB].map((size, i) => {
      const buffer = arena.alloc(size);
      t.true(isZero(buffer));
      return stamp(buffer, round * 10 + i);
    });
    t.true(buffers.every((buffer, i) => isStamped(buffer, round * 10 + i)));
    const { used, limit, reserved } = arena.stats().memory;
    t.true(used <= limit && reserved >= used - 4096);
    arena.reset();
    for (const buffer of buffers) t.true(isDead(buffer));
  }
  arena.close();
}

const kinds = [
  { hugePages: 'advise' },
  { hugePages: 'prefer' },
  { hugePages: 'require' },
  { lock: true },
  { numaNode: 0 },
  { numaNode: 1023 },
  { prefault: true },
  { hugePages: 'prefer', lock: true, numaNode: 0, prefault: true },
];

for (const memory of kinds) {
  test(`memory ${JSON.stringify(memory)} is in force, or a typed error`, (t) => {
    const arena = granted(t, { memory });
    if (arena === undefined) return;
    t.true(isNative, 'the fallback grants nothing');
    arena.alloc(10);
    for (const chunk of arena.chunkStats()) {
      if (memory.hugePages !== undefined) {
        t.is(chunk.size % (2 * MiB), 0);
        t.log(`hugePages: ${chunk.hugePages}`);
      }
      const kinds = {
        advise: ['transparent'],
        prefer: ['transparent', 'explicit', 'none'],
        require: ['explicit'],
      };
      t.true((kinds[memory.hugePages] ?? ['none']).includes(chunk.hugePages), chunk.hugePages);
      if (memory.lock || memory.prefault) t.is(chunk.resident, chunk.reserved);
    }
    exercise(t, arena);
  });
}

nativeTest('a NUMA node that is not there is refused by the system', 'it has none', (t) => {
  for (const numaNode of [1023, 40_000, 2 ** 32 - 1]) {
    const error = t.throws(() => new Arena({ memory: { numaNode } }), { instanceOf: RallocError });
    t.log(error.message);
    if (error.code === 'ERR_RALLOC_MAP') {
      t.deepEqual(
        [error.syscall, error.errno],
        isLinux ? ['mbind', 22] : ['VirtualAllocExNuma', 87],
      );
      t.is(error.errnoCode, 'EINVAL');
    } else {
      t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
    }
  }
});

test('on the fallback every such wish is unsupported, and to ask for nothing is not', (t) => {
  const { LeasedArena } = require('../../lib/memory/fallback/arena.js');
  const { kind, why } = new LeasedArena(MiB, 64 * KiB, false, { lock: true }).probe();
  t.is(kind, 'unsupported');
  t.regex(why, /JavaScript/);
  for (const memory of [undefined, {}, { lock: false }, { prefault: false, lock: undefined }]) {
    const arena = new Arena({ memory });
    t.is(arena.alloc(10).length, 10);
    arena.close();
  }
});

const bad = [
  [null, TypeError, /"options\.memory" property must be an object\. Received null/],
  [true, TypeError, /"options\.memory" property must be an object/],
  ['lock', TypeError, /"options\.memory" property must be an object/],
  [['lock'], TypeError, /"options\.memory" property must be an object/],
  [{ hugepages: 'advise' }, TypeError, /"memory\.hugepages"\. Did you mean "memory\.hugePages"\?/],
  [
    { node: 0 },
    TypeError,
    /"memory\.node"\. The options are "memory\.hugePages", "memory\.lock", "memory\.numaNode", "memory\.prefault"$/,
  ],
  [{ locked: true }, TypeError, /"memory\.locked"\. Did you mean "memory\.lock"\?/],
  [{ hugePages: true }, TypeError, /"options\.memory\.hugePages" .* of type string/],
  [{ hugePages: 'always' }, RangeError, /one of 'advise', 'prefer', 'require'/],
  [{ lock: 1 }, TypeError, /"options\.memory\.lock" .* of type boolean/],
  [{ prefault: 'yes' }, TypeError, /"options\.memory\.prefault" .* of type boolean/],
  [{ numaNode: '0' }, TypeError, /"options\.memory\.numaNode" .* of type number/],
  [{ numaNode: -1 }, RangeError, /"options\.memory\.numaNode" .* >= 0 and <= 4294967295/],
  [{ numaNode: 0.5 }, RangeError, /"options\.memory\.numaNode"/],
  [{ numaNode: 2 ** 32 }, RangeError, /"options\.memory\.numaNode"/],
  [{ numaNode: Number.NaN }, RangeError, /"options\.memory\.numaNode"/],
];

test('memory options of the wrong name, type or value are argument errors that name them', (t) => {
  for (const [memory, Type, message] of bad) {
    const error = t.throws(() => new Arena({ memory }), { message });
    t.is(error.constructor, Type);
    t.is(error.code, 'ERR_RALLOC_INVALID_ARGUMENT');
  }
});

test('a limit below one huge page is refused, whatever the system has', (t) => {
  const options = { maxBytes: 2 * MiB - 1, memory: { hugePages: 'advise' } };
  const error = t.throws(() => new Arena(options), { instanceOf: RangeError });
  t.is(error.code, 'ERR_RALLOC_INVALID_ARGUMENT');
  t.regex(error.message, /"options\.maxBytes" .* >= 2097152 with options\.memory\.hugePages/);
});

nativeTest('huge pages count toward the limit whole', 'there are none', (t) => {
  const arena = granted(t, { maxBytes: 5 * MiB, memory: { hugePages: 'advise' } });
  if (arena === undefined) return;
  arena.alloc(10);
  t.is(arena.stats().memory.used, 2 * MiB);
  const more = arena.alloc(2 * MiB);
  t.is(arena.stats().memory.used, 4 * MiB);
  const error = t.throws(() => arena.alloc(1000), { code: 'ERR_RALLOC_LIMIT' });
  t.deepEqual([error.used, error.limit], [4 * MiB, 5 * MiB], 'half a huge page is none');
  t.is(more.length, 2 * MiB);
  arena.close();
});

nativeTest('memory of one kind is never handed to an arena of another', 'it has one kind', (t) => {
  const options = { maxBytes: 704 * KiB }; // no other test's settings
  const ahead = { ...options, memory: { prefault: true } };
  const first = new Arena(ahead);
  first.alloc(10);
  first.close(); // its pool is kept for the next of the same settings
  const plain = new Arena(options);
  plain.allocUnsafe(10);
  t.is(plain.stats().memory.mapped + plain.stats().memory.recycled, 1);
  const second = new Arena({ memory: { lock: false, prefault: true }, ...options });
  t.true(second.stats().memory.warm > 0, 'equal settings, however they are written');
  second.allocUnsafe(10);
  t.is(second.chunkStats()[0].resident, second.chunkStats()[0].reserved);
  plain.close();
  second.close();
});

const lockTest = (title, body) => nativeLimitTest(title, 'it locks nothing', body);

lockTest('where nothing may be locked, the constructor says so', async (t) => {
  const { child, ask, stop } = start('memory/told.js', unprivileged);
  t.deepEqual(await ask({ make: {} }), { chunks: 0, resident: 4096 });
  limitLocked(child.pid, 0);
  const error = await ask({ make: { memory: { lock: true } } });
  t.log(error.message);
  t.is(error.code, 'ERR_RALLOC_MAP');
  t.is(error.syscall, 'mlock');
  t.true(['EPERM', 'ENOMEM'].includes(error.errnoCode), error.errnoCode);
  t.deepEqual(await ask({ zeroed: 100 }), { length: 100, zero: true, intact: true });
  t.deepEqual(await stop(), [0, null]);
});

lockTest(
  'beyond what may be locked an allocation throws, and goes on when more may be',
  async (t) => {
    const { child, ask, stop } = start('memory/told.js', unprivileged);
    await ask({ make: {} });
    limitLocked(child.pid, MiB);
    const made = await ask({ make: { memory: { lock: true } } });
    t.is(made.resident, 64 * KiB, 'locked memory is in RAM');
    const { buffers, intact, before, after, error } = await ask({ fill: 50 * KiB });
    t.log(`${buffers} Buffers of 50 KiB under 1 MiB, then: ${error.message}`);
    t.true(buffers > 5);
    t.deepEqual([error.code, error.syscall], ['ERR_RALLOC_MAP', 'mlock']);
    t.true(['ENOMEM', 'EAGAIN'].includes(error.errnoCode));
    t.true(intact);
    t.deepEqual(after, before, 'the refused allocation has changed nothing');
    limitLocked(child.pid, 4 * MiB);
    t.deepEqual(await ask({ zeroed: 200 * KiB }), { length: 200 * KiB, zero: true, intact: true });
    t.deepEqual(await stop(), [0, null]);
  },
);
