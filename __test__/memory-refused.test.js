'use strict';

// The system refuses memory: a child whose address space is limited while it runs.

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { start } = require('./helpers/child.js');
const { isNative, testWhere } = require('./helpers/backend.js');

const MiB = 1024 * 1024;
const LARGE = 1024 * MiB; // half of it is left to V8, which dies where it gets nothing

const hasPrlimit = (() => {
  if (process.platform !== 'linux') return false;
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** A test that limits the address space of a process, which needs Linux and util-linux. */
const limitTest = (title, body) => testWhere(hasPrlimit, 'prlimit', title, body);

/** Leaves a process `bytes` more than it has; 'unlimited' lifts that. */
function limitAddressSpace(pid, bytes) {
  const has =
    Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmSize:\s+(\d+)/)[1]) * 1024;
  const limit = bytes === 'unlimited' ? bytes : has + bytes;
  execFileSync('prlimit', ['--pid', `${pid}`, `--as=${limit}:`]);
}

limitTest('refused memory is a typed error, and the arena lives on', async (t) => {
  const { child, ask, stop } = start('memory-refused.js');
  t.deepEqual(await ask({ alloc: 10 * MiB }), { length: 10 * MiB });
  const before = await ask({ stats: true });

  limitAddressSpace(child.pid, LARGE / 2);
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

  limitAddressSpace(child.pid, 'unlimited');
  t.deepEqual(await ask({ alloc: LARGE }), { length: LARGE });
  t.deepEqual(await ask({ check: true }), { intact: true });
  const [code, signal] = await stop();
  t.deepEqual([code, signal], [0, null]);
});

limitTest(
  'refused memory at the first allocation of a scope ends the scope as any error does',
  async (t) => {
    const { child, ask, stop } = start('memory-refused.js');
    await ask({ alloc: 1 });
    limitAddressSpace(child.pid, LARGE / 2);
    t.is((await ask({ scope: LARGE })).code, 'ERR_RALLOC_MAP');
    t.deepEqual(await ask({ check: true }), { intact: true });
    limitAddressSpace(child.pid, 'unlimited');
    t.deepEqual(await ask({ scope: LARGE }), { length: LARGE });
    t.deepEqual(await stop(), [0, null]);
  },
);
