'use strict';
// tier: run-time

// Machines that refuse what the memory of a slab is to be: a limit on locked memory, no such node, pages that cannot be
// moved, and a /dev/shm with huge pages or without. A typed error that names the call, and nothing has changed.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { Slab } = require('../..');
const { isNative, nativeTest, testWhere } = require('../helpers/backend.js');
const { start } = require('../helpers/child.js');
const { boundRanges, hugeBytes, knowsNodes, locked } = require('../helpers/kernel-view.js');
const { preloadLibrary } = require('../helpers/preload.js');
const { limitTest, limitLocked, unprivileged } = require('../helpers/prlimit.js');
const { canShare, freshName, sharedTest } = require('../helpers/slab-process.js');
const { until } = require('../helpers/until.js');

const MiB = 1024 * 1024;
const OPTIONS = { sizes: [4096], count: 64 };
const BYTES = 64 * 4096;
const fileOf = (name) => `/dev/shm${name}`;

/** A process that makes a slab and does with it as it is told. */
function begin(t, options) {
  const peer = start('slab/placed.js', options);
  t.teardown(() => peer.child.kill('SIGKILL')); // where an assertion fails before stop()
  return peer;
}

sharedTest('what cannot be had at creation leaves no slab, and can be left out', (t) => {
  const refused = [
    [{ numaNode: 1023 }, ['ERR_RALLOC_MAP', 'ERR_RALLOC_UNSUPPORTED']],
    [{ hugePages: 'require' }, ['ERR_RALLOC_UNSUPPORTED']],
  ];
  for (const [memory, codes] of refused) {
    const name = freshName(t);
    for (const how of ['create', 'openOrCreate']) {
      const error = t.throws(() => Slab[how](name, { ...OPTIONS, memory }));
      t.true(codes.includes(error.code), error.message);
      t.false(fs.existsSync(fileOf(name)));
    }
    t.true(codes.includes(t.throws(() => Slab.create(null, { ...OPTIONS, memory })).code));
    const slab = Slab.create(name, OPTIONS);
    if (memory.hugePages !== undefined) {
      t.throws(() => Slab.open(name, { memory }), { code: 'ERR_RALLOC_UNSUPPORTED' });
    }
    t.is(slab.stats().participants, 1);
    slab.close();
  }
});

function lockTest(title, body) {
  if (isNative) limitTest(title, body);
  else nativeTest(title, 'it locks nothing', body);
}

const refusedLock = (t, { error }) => {
  t.log(error.message);
  t.like(error, { name: 'RallocError', code: 'ERR_RALLOC_MAP', syscall: 'mlock' });
  t.true(['EPERM', 'ENOMEM', 'EAGAIN'].includes(error.errnoCode), error.errnoCode);
  t.regex(error.message, /RLIMIT_MEMLOCK/);
};

lockTest('where nothing may be locked, lock() says so and the slab works on', async (t) => {
  for (const how of canShare ? ['local', 'create'] : ['local']) {
    const { child, ask, stop } = begin(t, unprivileged);
    await ask({ make: { how, name: freshName(t), options: OPTIONS } });
    limitLocked(child.pid, 0);
    refusedLock(t, await ask({ lock: true }));
    t.is(locked(child.pid), 0);
    limitLocked(child.pid, 4 * MiB);
    t.deepEqual(await ask({ lock: true }), {});
    t.is(locked(child.pid), BYTES);
    t.deepEqual(await ask({ fill: { size: 4096, most: 64 } }), { value: 64 });
    t.deepEqual(await ask({ free: true }), { value: true });
    t.deepEqual(await stop(), [0, null]);
  }
});

lockTest(
  'where nothing may be locked, a slab with that wish is not made, and its name is free',
  async (t) => {
    if (!canShare) return t.pass('processes share none here');
    const { child, ask, stop } = begin(t, unprivileged);
    const name = freshName(t);
    const options = { ...OPTIONS, memory: { lock: true } };
    await ask({ count: true }); // it has begun
    limitLocked(child.pid, 0);
    for (const how of ['create', 'openOrCreate']) {
      refusedLock(t, await ask({ make: { how, name, options } }));
      t.false(fs.existsSync(fileOf(name)));
    }
    refusedLock(t, await ask({ make: { how: 'create', name: null, options } }));
    t.deepEqual(await ask({ make: { how: 'create', name, options: OPTIONS } }), {});
    const slab = Slab.open(name);
    const opening = { how: 'open', name, options: { memory: { lock: true } } };
    refusedLock(t, await ask({ make: opening }));
    t.true(fs.existsSync(fileOf(name)), 'what is there stays');
    t.is(slab.stats().participants, 2);
    slab.close();
    limitLocked(child.pid, 4 * MiB);
    t.deepEqual(await ask({ make: opening }), {});
    t.is(locked(child.pid), BYTES);
    t.deepEqual(await stop(), [0, null]);
  },
);

lockTest(
  'a growing slab locks what comes, throws where it may not, and unlocks what goes',
  async (t) => {
    const { child, ask, stop } = begin(t, unprivileged);
    const options = { sizes: [65536], maxCount: 64, minCount: 0, idleMs: 20 };
    await ask({ make: { how: 'local', options } });
    limitLocked(child.pid, 2 * MiB);
    t.deepEqual(await ask({ lock: true }), {});
    t.is(locked(child.pid), 0, 'nothing is there');
    t.deepEqual(await ask({ fill: { size: 65536, most: 16 } }), { value: 16 });
    t.is(locked(child.pid), MiB);
    refusedLock(t, await ask({ fill: { size: 65536, most: 17 } }));
    t.is(locked(child.pid), 2 * MiB);
    t.deepEqual(await ask({ count: true }), { value: 32 });
    limitLocked(child.pid, 4 * MiB);
    t.deepEqual(await ask({ fill: { size: 65536, most: 16 } }), { value: 48 });
    t.is(locked(child.pid), 3 * MiB);
    t.deepEqual(await ask({ free: true }), { value: true });
    await until(() => locked(child.pid) === 0);
    t.deepEqual(await stop(), [0, null]);
  },
);

const library = preloadLibrary(test, 'slab/pages-stay.c');

testWhere(
  library !== undefined && canShare && knowsNodes,
  'Linux with NUMA nodes, and a C compiler',
  'where pages do not move, bind() says so and the slab is bound as before',
  async (t) => {
    const { child, ask, stop } = begin(t, {
      env: { ...process.env, LD_PRELOAD: library },
    });
    const name = freshName(t);
    await ask({ make: { how: 'create', name, options: OPTIONS } });
    const { error } = await ask({ bind: 0 });
    t.like(error, { code: 'ERR_RALLOC_MAP', syscall: 'mbind', errnoCode: 'EIO' });
    t.regex(error.message, /Bind the slab before others open or attach it$/);
    t.is(boundRanges(0, name, child.pid), 0);
    t.deepEqual(await ask({ fill: { size: 4096, most: 64 } }), { value: 64 });
    t.deepEqual(await stop(), [0, null]);

    const again = begin(t, { env: { ...process.env, LD_PRELOAD: library } });
    const bound = { ...OPTIONS, memory: { numaNode: 0 } };
    t.deepEqual(
      await again.ask({ make: { how: 'openOrCreate', name: freshName(t), options: bound } }),
      {},
    );
    t.is(boundRanges(0, '/dev/shm', again.child.pid), 1, 'no page was there to be moved');
    t.regex((await again.ask({ bind: 0 })).error.message, /EIO/);
    t.is(boundRanges(0, '/dev/shm', again.child.pid), 1);
    t.deepEqual(await again.stop(), [0, null]);
  },
);

/** Whether a process can have a /dev/shm of its own, which gives huge pages. */
const MOUNT = 'mount -t tmpfs -o huge=advise,size=64m tmpfs /dev/shm && exec "$0" "$@"';
const hasHugeFolder = (() => {
  try {
    execFileSync('unshare', ['-m', 'sh', '-c', MOUNT, 'true'], { stdio: 'ignore' });
    return canShare;
  } catch {
    return false;
  }
})();
const within = { execPath: 'unshare', execArgv: ['-m', 'sh', '-c', MOUNT, process.execPath] };

testWhere(
  hasHugeFolder,
  'a /dev/shm of its own',
  'a named slab lies in huge pages where /dev/shm gives them, for each that asks',
  async (t) => {
    const { child, ask, stop } = begin(t, within);
    const name = '/huge';
    const options = { sizes: [65536], count: 128 };
    const memory = { hugePages: 'advise' };
    const made = await ask({ make: { how: 'create', name, options: { ...options, memory } } });
    if (made.error !== undefined) {
      t.log(made.error.message); // a kernel without transparent huge pages
      t.is(made.error.code, 'ERR_RALLOC_UNSUPPORTED');
    } else {
      t.is(hugeBytes(child.pid), 8 * MiB);
      t.deepEqual(await ask({ fill: { size: 65536, most: 128 } }), { value: 128 });
      t.deepEqual(await ask({ free: true }), { value: true });
      await ask({ close: true });
      t.is(hugeBytes(child.pid), 0);
      t.deepEqual(await ask({ make: { how: 'open', name, options: {} } }), {});
      await ask({ fill: { size: 65536, most: 128 } });
      t.is(hugeBytes(child.pid), 0, 'one that does not ask has them by small pages');
      t.deepEqual(await ask({ free: true }), { value: true });
      t.deepEqual(await ask({ make: { how: 'open', name, options: { memory } } }), {});
      await ask({ fill: { size: 65536, most: 100 } });
      t.true(hugeBytes(child.pid) >= 6 * MiB);
    }
    t.deepEqual(await stop(), [0, null]);
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
