'use strict';
// tier: run-time

// Where the memory of slabs is from, and whether it stays: `memory` of slabs that processes share, bind() and lock() of
// all kinds, and what the kernel says of it. On a machine that refuses, a typed error that names the call.

const test = require('ava');
const fs = require('node:fs');
const { constants } = require('node:os');
const { Slab, RallocError } = require('../..');
const native = require('../../lib/memory/native.js');
const { run } = require('../helpers/child.js');
const { isNative, nativeTest, testWhere } = require('../helpers/backend.js');
const {
  canInherit,
  canShare,
  freshName,
  inheritTest,
  segmentFile: fileOf,
  sharedTest,
} = require('../helpers/slab-process.js');
const { Process, Thread } = require('../helpers/slab-peer.js');
const { preloadLibrary } = require('../helpers/preload.js');
const { limitTest, limitLocked, nativeLimitTest, unprivileged } = require('../helpers/prlimit.js');
const { until } = require('../helpers/until.js');

// What Linux says of a process's memory.

const read = (pid, file) => fs.readFileSync(`/proc/${pid}/${file}`, 'utf8');

/** Bytes that are locked. */
const locked = (pid = 'self') => Number(/VmLck:\s+(\d+)/.exec(read(pid, 'status'))[1]) * 1024;

/** How many ranges of memory are bound to a node; `file`: those of a file's memory alone. */
const boundRanges = (numaNode, file = '', pid = 'self') =>
  read(pid, 'numa_maps')
    .split('\n')
    .filter((line) => line.split(' ')[1] === `bind:${numaNode}` && line.includes(file)).length;

/** Whether the kernel knows NUMA nodes, and lets this process choose. */
const knowsNodes = (() => {
  try {
    return read('self', 'numa_maps').length > 0;
  } catch {
    return false;
  }
})();

const OPTIONS = { sizes: [4096], count: 64 };
const BYTES = 64 * 4096;
const isLinux = process.platform === 'linux';

/** How slabs are made, of each kind that there is here. */
const kinds = {
  local: () => new Slab(OPTIONS),
  growing: () => new Slab({ ...OPTIONS, maxCount: 1024 }),
  ...(canShare && {
    named: (t) => Slab.create(freshName(t), OPTIONS),
  }),
  ...(canInherit && {
    'without a name': () => Slab.create(null, OPTIONS),
  }),
};

/** Whether the call was granted; else its error is as documented. */
function granted(t, syscall, call) {
  try {
    call();
    return true;
  } catch (error) {
    t.log(error.message);
    t.true(error instanceof RallocError);
    if (error.code === 'ERR_RALLOC_MAP') t.is(error.syscall, syscall);
    else t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
    return false;
  }
}

for (const [kind, make] of Object.entries(kinds)) {
  test(`lock() keeps a slab in RAM until it is closed: ${kind}`, (t) => {
    const slab = make(t);
    const before = isLinux ? locked() : 0;
    if (granted(t, 'mlock', () => slab.lock())) {
      if (isLinux) t.is(locked() - before, BYTES);
      slab.lock(); // does nothing
      if (isLinux) t.is(locked() - before, BYTES);
    }
    slab.free(slab.alloc(4000));
    slab.close();
    t.is(isLinux ? locked() : 0, before);
  });

  test(`bind() has a slab on one node: ${kind}`, (t) => {
    const slab = make(t);
    const before = knowsNodes ? boundRanges(0) : 0;
    if (granted(t, 'mbind', () => slab.bind(0)) && knowsNodes) {
      t.true(boundRanges(0) > before);
      slab.bind(0);
    }
    slab.free(slab.alloc(4000).fill(1));
    slab.close();
  });

  nativeTest(`a node that is not there changes nothing: ${kind}`, 'it has none', (t) => {
    const slab = make(t);
    const before = knowsNodes ? boundRanges(0) : 0;
    const bound = granted(t, 'mbind', () => slab.bind(0));
    const after = knowsNodes ? boundRanges(0) : 0;
    for (const node of [1023, 40_000, 2 ** 32 - 1]) {
      const error = t.throws(() => slab.bind(node), { instanceOf: RallocError });
      if (error.code === 'ERR_RALLOC_MAP') {
        t.like(error, { syscall: 'mbind', errno: 22, errnoCode: 'EINVAL' });
        t.regex(error.message, /Give a numaNode that this system has$/);
      }
    }
    if (knowsNodes) t.is(boundRanges(0), after, 'it is bound as before');
    if (!bound) t.is(after, before);
    slab.free(slab.alloc(4000));
    slab.close();
  });

  nativeTest(`after the first allocation both come too late: ${kind}`, 'neither works', (t) => {
    const slab = make(t);
    const buffer = slab.alloc(10);
    const before = isLinux ? locked() : 0;
    const late = { instanceOf: RallocError, code: 'ERR_RALLOC_IN_USE' };
    for (const call of [() => slab.bind(0), () => slab.lock()]) {
      t.is(t.throws(call, { ...late, message: /^(bind|lock)\(\) comes too late/ }).inUse, 1);
    }
    slab.free(buffer);
    for (const call of [() => slab.bind(0), () => slab.lock()]) t.throws(call, late);
    if (isLinux) t.is(locked(), before);
    slab.close();
    for (const call of [() => slab.bind(0), () => slab.lock()]) {
      t.throws(call, { code: 'ERR_RALLOC_CLOSED' });
    }
  });
}

test('a node that cannot be is refused before anything else', (t) => {
  const slab = new Slab(OPTIONS);
  for (const node of [undefined, null, '0', 0n, {}]) {
    t.throws(() => slab.bind(node), { instanceOf: TypeError, code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
  for (const node of [-1, 0.5, Number.NaN, 2 ** 32]) {
    const message = /"node" .* >= 0 and <= 4294967295/;
    t.throws(() => slab.bind(node), { instanceOf: RangeError, message });
  }
  slab.close();
});

testWhere(!isNative, 'the fallback', 'the fallback neither binds nor locks', (t) => {
  const slab = new Slab(OPTIONS);
  for (const method of ['bind', 'lock']) {
    t.throws(() => slab[method](0), {
      code: 'ERR_RALLOC_UNSUPPORTED',
      message: `${method}() cannot be granted: the JavaScript backend has ordinary memory of V8 only`,
    });
  }
  slab.free(slab.alloc(10));
  slab.close();
});

sharedTest(
  'another participant of a slab can lock it while the first uses it, and cannot bind it',
  (t) => {
    const name = freshName(t);
    const first = Slab.create(name, OPTIONS);
    const second = Slab.open(name);
    const buffer = first.alloc(10);
    const { inUse } = t.throws(() => second.bind(0), { code: 'ERR_RALLOC_IN_USE' });
    t.true(inUse >= 1, 'what the first caches counts too');
    granted(t, 'mlock', () => second.lock());
    first.free(buffer);
    first.close();
    granted(t, 'mbind', () => second.bind(0));
    second.close();
  },
);

testWhere(
  isNative,
  'native memory',
  'a thread that attaches a locked slab locks it for itself',
  async (t) => {
    const before = isLinux ? locked() : 0;
    let slab;
    if (!granted(t, 'mlock', () => (slab = new Slab({ ...OPTIONS, memory: { lock: true } }))))
      return;
    const thread = await Thread.start(slab.handle());
    if (isLinux) t.is(locked() - before, 2 * BYTES);
    await thread.ask('close', {});
    if (isLinux) t.is(locked() - before, BYTES);
    await thread.terminate();
    slab.close();
    if (isLinux) t.is(locked(), before);
  },
  test.serial, // others lock and unlock meanwhile
);

inheritTest('the memory that is asked for at creation is in force, for who opens it too', (t) => {
  for (const how of ['create', 'openOrCreate']) {
    const name = freshName(t);
    const before = locked();
    const memory = { lock: true, prefault: true };
    let slab;
    if (!granted(t, 'mlock', () => (slab = Slab[how](name, { ...OPTIONS, memory })))) continue;
    t.is(locked() - before, BYTES);
    const plain = Slab.open(name);
    t.is(locked() - before, BYTES, 'each has its own mapping');
    const other = Slab.open(name, { memory });
    t.is(locked() - before, 2 * BYTES);
    for (const one of [slab, plain, other]) {
      one.free(one.alloc(4000).fill(1));
      one.close();
    }
    t.is(locked(), before);
  }
});

testWhere(
  canShare && knowsNodes,
  'native memory and NUMA nodes',
  'a node is that of the memory, whoever opens it',
  (t) => {
    const name = freshName(t);
    let slab;
    const make = () => {
      slab = Slab.create(name, { ...OPTIONS, memory: { numaNode: 0 } });
    };
    if (!granted(t, 'mbind', make)) return;
    const other = Slab.open(name); // its mapping has the name
    t.is(boundRanges(0, name), 1);
    other.close();
    slab.close();

    const unbound = freshName(t);
    const free = Slab.create(unbound, OPTIONS);
    const error = t.throws(() =>
      Slab.openOrCreate(unbound, { ...OPTIONS, memory: { numaNode: 0 } }),
    );
    t.like(error, { code: 'ERR_RALLOC_SEGMENT_INVALID', field: 'NUMA node', expected: 0 });
    t.regex(error.message, /bound to no NUMA node, and must be to node 0/);
    t.is(free.stats().participants, 1);
    free.close();
  },
);

test('who opens a slab does not choose its node', (t) => {
  const call = () => Slab.open('/ralloc-test-none', { memory: { numaNode: 0 } });
  t.throws(call, { code: 'ERR_RALLOC_INVALID_ARGUMENT', message: /"memory\.numaNode"/ });
  const wrong = () => Slab.create('/ralloc-test-none', { ...OPTIONS, memory: { lock: 1 } });
  t.throws(wrong, { instanceOf: TypeError, message: /"options\.memory\.lock"/ });
});

// Machines that refuse what the memory of a slab is to be: a limit on locked memory, no such node, pages that cannot be
// moved, and a /dev/shm with huge pages or without. A typed error that names the call, and nothing has changed.

const MiB = 1024 * 1024;

const lockTest = (title, body) => nativeLimitTest(title, 'it locks nothing', body);

const refusedLock = (t, error) => {
  t.log(error.message);
  t.like(error, { name: 'RallocError', code: 'ERR_RALLOC_MAP', syscall: 'mlock' });
  t.true(['EPERM', 'ENOMEM', 'EAGAIN'].includes(error.errnoCode), error.errnoCode);
  t.regex(error.message, /RLIMIT_MEMLOCK/);
};

lockTest('where nothing may be locked, lock() says so and the slab works on', async (t) => {
  for (const how of canShare ? ['new', 'create'] : ['new']) {
    const other = new Process(t, unprivileged);
    const from = freshName(t);
    await other.ask('make', { how, from, options: OPTIONS });
    limitLocked(other.pid, 0);
    refusedLock(t, await other.ask('lock'));
    t.is(locked(other.pid), 0);
    limitLocked(other.pid, 4 * MiB);
    t.is(await other.ask('lock'), undefined);
    t.is(locked(other.pid), BYTES);
    const keys = await other.ask('alloc', { size: 4096, id: 1, count: 64 });
    t.true(await other.ask('isStamped', { key: keys[63], id: 64 }));
    if (how === 'new') {
      t.deepEqual(await other.end('exit'), [0, null]);
      continue;
    }

    // And a slab with that wish is not made, and its name is free.
    limitLocked(other.pid, 0);
    const memory = { lock: true };
    const opening = { how: 'open', from, options: { memory } };
    refusedLock(t, await other.ask('make', opening));
    t.true(fs.existsSync(fileOf(from)), 'what is there stays');
    const options = { ...OPTIONS, memory };
    const name = freshName(t);
    for (const how of ['create', 'openOrCreate']) {
      refusedLock(t, await other.ask('make', { how, from: name, options }));
      t.false(fs.existsSync(fileOf(name)));
    }
    refusedLock(t, await other.ask('make', { how: 'create', from: null, options }));
    t.deepEqual(await other.ask('make', { how: 'create', from: name, options: OPTIONS }), [4096]);
    limitLocked(other.pid, 4 * MiB);
    t.deepEqual(await other.ask('make', opening), [4096]);
    t.is(locked(other.pid), 2 * BYTES);
    t.deepEqual(await other.end('exit'), [0, null]);
  }
});

lockTest(
  'a growing slab locks what comes, throws where it may not, and unlocks what goes',
  async (t) => {
    const other = new Process(t, unprivileged);
    const options = { sizes: [65536], maxCount: 64, minCount: 0, idleMs: 20 };
    await other.ask('make', { how: 'new', options });
    limitLocked(other.pid, 2 * MiB);
    t.is(await other.ask('lock'), undefined);
    t.is(locked(other.pid), 0, 'nothing is there');
    const alloc = (count) => other.ask('alloc', { size: 65536, id: 1, count });
    t.is((await alloc(16)).length, 16);
    t.is(locked(other.pid), MiB);
    refusedLock(t, await alloc(17));
    t.is(locked(other.pid), 2 * MiB);
    t.like(await other.ask('stats'), { count: 32, held: 32 });
    limitLocked(other.pid, 4 * MiB);
    const last = (await alloc(16)).at(-1);
    t.is(locked(other.pid), 3 * MiB);
    await other.ask('free', { keys: Array.from({ length: last }, (_, i) => i + 1) });
    await until(() => locked(other.pid) === 0);
    t.deepEqual(await other.end('exit'), [0, null]);
  },
);

sharedTest('where /dev/shm gives no huge pages, the error says how it does', (t) => {
  const name = freshName(t);
  for (const hugePages of ['advise', 'prefer']) {
    try {
      const slab = Slab.create(name, { ...OPTIONS, memory: { hugePages } });
      slab.free(slab.alloc(4096));
      slab.close();
      Slab.unlink(name);
    } catch (error) {
      t.is(error.code, 'ERR_RALLOC_UNSUPPORTED');
      t.regex(error.message, /remount,huge=advise \/dev\/shm|transparent huge pages/);
    }
    t.false(fs.existsSync(fileOf(name)));
  }
});

// What slabs need of the system: shared memory without files, and private memory where there is no other.

const refusing = preloadLibrary(test, 'slab/refuses-sharing.c');

testWhere(
  refusing !== undefined,
  'a binary, Linux and a C compiler',
  'where memory cannot be shared a slab has private memory, and handle() says why it has none',
  async (t) => {
    const other = new Process(t, { env: { ...process.env, LD_PRELOAD: refusing } });
    await other.ask('make', { how: 'new', options: OPTIONS });
    t.like(await other.ask('handle'), {
      name: 'RallocError',
      code: 'ERR_RALLOC_UNSUPPORTED',
      message: 'The slab cannot be shared: mremap failed: EPERM (errno 1)',
    });
    const keys = await other.ask('alloc', { size: 4000, id: 1, count: 64 });
    t.true(await other.ask('isStamped', { key: keys[63], id: 64 }));
    const token = await other.ask('send', { key: keys[0] });
    t.like(await other.ask('receive', { token, id: 1 }), { isStamped: true });
    t.like(await other.ask('stats'), { backend: 'native', count: 64, held: 64, free: 0 });
    t.deepEqual(await other.end('exit'), [0, null]);
  },
);

if (isNative) {
  limitTest('a shared slab keeps no file open, and needs none', async (t) => {
    const { code, signal, stderr, result } = await run('slab/no-files.js');
    t.deepEqual([code, signal], [0, null], stderr);
    t.deepEqual(result, { files: 0, works: Array(40).fill(true) });
  });
}

// A fork by native code, without `exec`: Node never does so, but addons can.

// V8 keeps its heap from forked children (MADV_DONTFORK), so that none of them gets to a slab by JavaScript. This is why the
// binding does not ask at every call which process it is in. (`ThreadCache` and `Slab` of the crate ask.)
testWhere(
  // Under qemu the child never ends.
  canShare && native.forkForTest !== undefined && process.env.RALLOC_EMULATOR !== 'qemu',
  'a binary built by npm run build, on Linux without an emulator',
  'a child that an addon forks runs no JavaScript, and leaves the slabs of its parent as they are',
  async (t) => {
    const { code, result, stderr } = await run('slab/forked.js');
    t.is(code, 0, stderr);
    t.is(result.signal, constants.signals.SIGSEGV);
    const whole = { isSame: true, isIntact: true, recovered: [] };
    t.deepEqual(result.left, [whole, whole]);
  },
);
