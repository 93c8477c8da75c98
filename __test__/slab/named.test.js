'use strict';
// tier: run-time

// A slab and several processes: names, tokens, descriptors, and who takes part.

const test = require('ava');
const diagnosticsChannel = require('node:diagnostics_channel');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Slab } = require('../..');
const { stamp, isStamped } = require('../helpers/bytes.js');
const { allCanBeHad, takeAll } = require('../helpers/slab.js');
const { OPTIONS, Process, Thread, pair } = require('../helpers/slab-peer.js');
const {
  canInherit,
  canShare,
  freshName,
  inheritTest,
  sharedTest,
} = require('../helpers/slab-process.js');
const { until } = require('../helpers/until.js');
const { testWhere } = require('../helpers/backend.js');

const STALE = 'ERR_RALLOC_STALE_TOKEN';

sharedTest('the participants are those who have it open', async (t) => {
  const before = Date.now();
  const { slab, other } = await pair(t);
  const members = slab.participants();
  t.like(members, [
    { pid: process.pid, self: true },
    { pid: other.pid, self: false },
  ]);
  for (const { since } of members) t.true(since >= before - 1 && since <= Date.now() + 1);
  for (let i = 0; i < 5; i++) {
    const there = await other.ask('participants');
    t.deepEqual(
      there.map(({ self, ...rest }) => ({ ...rest, self: !self })),
      members,
      'the same whoever looks, and whenever',
    );
  }
  await other.ask('alloc', { size: 64, id: 1, count: 20 });
  await other.ask('close', { force: true });
  t.like(slab.participants(), [{ pid: process.pid }]);
  nothingIsLeft(t, slab);
});

sharedTest(
  'an unlinked slab serves those who have it, and its name is free for another',
  async (t) => {
    const { name, slab, other } = await pair(t);
    t.true(Slab.list().some((one) => one.name === name));
    t.true(Slab.unlink(name));
    t.false(Slab.unlink(name), 'nothing has it');
    t.false(Slab.list().some((one) => one.name === name));
    const token = slab.send(stamp(slab.alloc(64), 3));
    const next = Slab.create(name, { sizes: [64], count: 4 });
    t.like(await other.ask('receive', { token, id: 3 }), { isStamped: true });
    t.throws(() => next.receive(token), { code: STALE });
    t.is(next.stats().participants, 1);
    next.close();
  },
);

inheritTest(
  'a slab whose descriptor other code has closed keeps its slots and says that it finds no dead',
  (t) => {
    const ofSegment = (fd) => fd > 2 && link(fd).includes('ralloc-segment');
    const before = new Set(descriptors());
    const slab = Slab.create(null, OPTIONS);
    for (const fd of descriptors().filter((one) => !before.has(one) && ofSegment(one)))
      fs.closeSync(fd);
    const buffer = stamp(slab.alloc(64), 7);
    const thrown = t.throws(() => slab.recover(), { code: 'ERR_RALLOC_UNSUPPORTED' });
    t.regex(thrown.message, /descriptor/);
    t.true(isStamped(buffer, 7));
    slab.free(buffer);
    slab.close();
  },
);

/** The numbers of this process's descriptors. */
const descriptors = () => fs.readdirSync('/proc/self/fd').map(Number);

/** Where a descriptor leads; empty if it is closed by now. */
function link(fd) {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

inheritTest('memory without a name goes to a child by a descriptor', async (t) => {
  const slab = Slab.create(null, OPTIONS);
  t.teardown(() => slab.close({ force: true }));
  t.is(slab.name, '');
  t.is(slab.fd, slab.fd, 'the same every time');
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc', slab.fd];
  const other = new Process(t, { stdio });
  t.deepEqual(await other.ask('make', { how: 'open', from: 4 }), [64, 4096]);
  const token = slab.send(stamp(slab.alloc(64), 5));
  t.like(await other.ask('receive', { token, id: 5 }), { isStamped: true });
  await other.end();
  t.like(slab.recover(), [{ pid: other.pid }]);
  allCanBeHad(t, slab);
  slab.close();
  t.is(slab.fd, null);
});

sharedTest('two slabs of one process, and its threads, take part each for itself', async (t) => {
  const name = freshName(t);
  const slab = Slab.create(name, OPTIONS);
  const second = Slab.open(name);
  const worker = await Thread.start(slab.handle());
  t.teardown(() => worker.terminate());
  t.deepEqual(
    slab.participants().map(({ pid }) => pid),
    Array(3).fill(process.pid),
  );
  const buffer = stamp(slab.alloc(64), 9);
  t.throws(() => second.free(buffer), { code: 'ERR_RALLOC_FOREIGN_BUFFER' });
  t.like(await worker.ask('receive', { token: slab.send(buffer), id: 9 }), { isStamped: true });
  t.deepEqual(slab.recover(), [], 'nobody died');
  await worker.terminate();
  second.close();
  await until(() => slab.stats().participants === 1);
  t.is(slab.stats().elsewhere, 0);
  slab.close();
});

sharedTest('who opens a slab has the options of its own', (t) => {
  const name = freshName(t);
  const slab = Slab.create(name, { ...OPTIONS, maxBytes: 2 ** 20, warnAfterMs: 60_000 });
  t.is(slab.name, name);
  t.is(slab.stats().name, name);
  const second = Slab.open(name, { safety: 'recycle' });
  t.like(second.stats(), { safety: 'recycle', name, count: 80, committed: second.footprint });
  t.deepEqual(second.sizes, [64, 4096]);
  t.regex(require('node:util').inspect(second), /2 participants/);
  second.close();
  slab.close();
});

test('a slab of one process has one participant, and nobody to recover', (t) => {
  const slab = new Slab({ sizes: [64], count: 4 });
  const [{ pid, self, since }, ...others] = slab.participants();
  t.deepEqual([pid, self, others], [process.pid, true, []]);
  t.true(since <= Date.now());
  t.deepEqual(slab.recover(), []);
  t.is(slab.name, '');
  t.is(slab.fd, null);
  slab.close();
  t.throws(() => slab.participants(), { code: 'ERR_RALLOC_CLOSED' });
  t.throws(() => slab.recover(), { code: 'ERR_RALLOC_CLOSED' });
});

if (!canShare) {
  test('where processes cannot share memory, it says so', (t) => {
    const calls = [
      () => Slab.create('/ralloc-test', OPTIONS),
      () => Slab.openOrCreate('/ralloc-test', OPTIONS),
      () => Slab.open('/ralloc-test'),
      () => Slab.unlink('/ralloc-test'),
      () => Slab.list(),
    ];
    for (const call of calls) t.throws(call, { code: 'ERR_RALLOC_UNSUPPORTED' });
  });
}

if (!canInherit) {
  test('where memory without a name cannot be inherited, it says so', (t) => {
    for (const call of [() => Slab.create(null, OPTIONS), () => Slab.open(3)])
      t.throws(call, { code: 'ERR_RALLOC_UNSUPPORTED' });
  });
}

// Processes that share a slab and end, in whatever way: what is left of them, and who hears of it.

const root = path.join(__dirname, '../..');

/** The arguments of `unshare` by which this user may start a program in another time namespace. */
const otherTime = [['-T'], ['-UrT']]
  .map((flags) => [...flags, '--boottime', '1000000'])
  .find((args) => spawnSync('unshare', [...args, 'true'], { stdio: 'ignore' }).status === 0);

testWhere(
  canShare && otherTime !== undefined,
  'time namespaces',
  'what a process of another time namespace has sent can be received when it is gone and slots run out',
  (t) => {
    const name = freshName(t);
    const slab = Slab.create(name, { sizes: [4096], count: 8, transitMs: 600_000 });
    const program = `const slab = require(process.argv[1]).Slab.open('${name}');
      console.log(slab.send(slab.alloc(9, 9)));`;
    for (const command of [['unshare', ...otherTime], []]) {
      const [file, ...args] = [...command, process.execPath, '-e', program, root];
      const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
      t.is(stderr, '');
      const held = takeAll(slab, 1);
      t.is(held.length, 7);
      held.push(slab.receive(Number(stdout)));
      for (const buffer of held) slab.free(buffer);
    }
    slab.close();
  },
);

sharedTest('what a killed process held and cached comes back by recover()', async (t) => {
  const told = [];
  const { slab, other } = await pair(t, { onRecovered: (one) => told.push(one) });
  const kept = stamp(slab.alloc(4096), 1);
  await other.ask('alloc', { size: 64, id: 1, count: 20 });
  await other.ask('alloc', { size: 4096, id: 1, count: 5 });
  t.true(slab.stats().elsewhere >= 25);
  t.deepEqual(slab.recover(), [], 'it is alive');
  await other.end();
  const [{ pid, slots }, ...others] = slab.recover();
  t.is(pid, other.pid);
  t.true(slots >= 25);
  t.deepEqual(others, []);
  t.deepEqual(slab.recover(), [], 'once');
  t.is(slab.stats().elsewhere, 0);
  t.true(isStamped(kept, 1));
  slab.free(kept);
  allCanBeHad(t, slab);
  await until(() => told.length > 0);
  t.deepEqual(told, [{ pid, slots }]);
});

sharedTest('a channel and a callback tell who was recovered, from the event loop', async (t) => {
  const told = [];
  const { name, slab, other } = await pair(t, { onRecovered: (one) => told.push(one) });
  const published = [];
  const note = (message) => message.slab === slab && published.push(message);
  diagnosticsChannel.subscribe('ralloc:slab:recovered', note);
  t.teardown(() => diagnosticsChannel.unsubscribe('ralloc:slab:recovered', note));
  await other.ask('alloc', { size: 4096, id: 1, count: 16 });
  await other.end();
  await until(() => slab.tryAlloc(4096) !== null);
  await until(() => told.length > 0);
  t.like(told, [{ pid: other.pid }]);
  t.true(told[0].slots >= 16);
  t.deepEqual(
    published.map(({ pid, slots }) => ({ pid, slots })),
    told,
  );
  const next = await Process.opening(t, name);
  await next.ask('alloc', { size: 64, id: 1, count: 30 });
  await next.end();
  await Process.opening(t, name);
  t.true(slab.stats().elsewhere <= 8, 'who opens it finds the dead too, and others live');
});

sharedTest(
  'what was sent outlives its killed sender for `transitMs`, and then is stale',
  async (t) => {
    const { slab, other } = await pair(t, { transitMs: 1500 });
    const keys = await other.ask('alloc', { size: 64, id: 7, count: 2 });
    const [first, second] = [
      await other.ask('send', { key: keys[0] }),
      await other.ask('send', { key: keys[1] }),
    ];
    await other.end();
    slab.recover();
    const received = slab.receive(first);
    t.true(isStamped(received, 7));
    t.is(slab.stats().sent, 1);
    // Exhausted, so that it looks for those that are over.
    const all = [];
    const more = () => {
      const one = slab.tryAlloc(64);
      if (one !== null) all.push(one);
      return all.length === 63;
    };
    await until(more);
    t.throws(() => slab.receive(second), { code: STALE });
    t.is(slab.stats().sent, 0);
  },
);

function nothingIsLeft(t, slab) {
  t.like(slab.stats(), { elsewhere: 0, participants: 1 });
  t.deepEqual(slab.recover(), []);
  allCanBeHad(t, slab);
}

sharedTest('a process that ends by an exception gives its slots back at once', async (t) => {
  const { slab, other } = await pair(t);
  await other.ask('alloc', { size: 64, id: 1, count: 20 });
  await other.end('fail');
  nothingIsLeft(t, slab);
});

sharedTest(
  'what runs when a process ends finds the slab closed, and its Buffers without bytes',
  async (t) => {
    const { name, slab, other } = await pair(t);
    await other.ask('alloc', { size: 64, id: 1, count: 2 });
    await other.ask('atExit');
    // Both: its exit may be known before its last message is read.
    const [[seen], [code]] = await Promise.all([once(other.child, 'message'), other.end('exit')]);
    t.is(code, 0);
    const { live, shown, isDead, thrown } = seen;
    t.false(live);
    t.true(shown.startsWith(`Slab '${name}' { closed, `), shown);
    t.deepEqual(isDead, [true, true]);
    t.deepEqual(thrown, Array(4).fill('ERR_RALLOC_CLOSED'));
    nothingIsLeft(t, slab);
  },
);

sharedTest('who only looks, and closes, is told of the dead all the same', async (t) => {
  const { name, other } = await pair(t);
  await other.ask('alloc', { size: 64, id: 1, count: 3 });
  await other.end();
  const told = [];
  const slab = Slab.open(name, { onRecovered: (one) => told.push(one) });
  slab.close();
  await until(() => told.length > 0);
  t.like(told, [{ pid: other.pid }]);

  const next = await Process.opening(t, name);
  await next.ask('alloc', { size: 64, id: 1, count: 3 });
  await next.end();
  const monitor = Slab.open(name);
  t.like(monitor.recover(), [{ pid: next.pid }]);
  t.deepEqual(monitor.recover(), [], 'once');
  monitor.close();
});

sharedTest('a descriptor that is closed twice is not the one that has the lock', (t) => {
  const name = freshName(t);
  const fd = fs.openSync(os.devNull);
  fs.closeSync(fd);
  const slab = Slab.create(name, { sizes: [64], count: 8 });
  t.throws(() => fs.closeSync(fd), { code: 'EBADF' }); // nothing has got its number since
  t.is(slab.participants().length, 1);
  slab.close();
});

inheritTest('memory without a name is its user’s alone', (t) => {
  const slab = Slab.create(null, { sizes: [64], count: 8 });
  t.is(fs.fstatSync(slab.fd).mode & 0o777, 0o600);
  slab.close();
});

const ENDS = {
  'process.exit()': 'process.exit(0)',
  'the end of the thread': 'worker.terminate()',
  'an exception that nobody catches': "throw new Error('as it was told')",
};

for (const [how, code] of Object.entries(ENDS)) {
  sharedTest(`a thread of another process gives its slots back at once, by ${how}`, async (t) => {
    const name = freshName(t);
    const slab = Slab.create(name, { sizes: [64], count: 100 });
    t.teardown(() => slab.close({ force: true }));
    const ralloc = JSON.stringify(require.resolve('../..'));
    const thread = `
      const slab = require(${ralloc}).Slab.open(${JSON.stringify(name)});
      for (let i = 0; i < 10; i++) slab.alloc(64);
      const { parentPort } = require('node:worker_threads');
      parentPort.on('message', () => {}); // keeps it alive
      parentPort.postMessage('has them');
    `;
    const program = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(thread)}, { eval: true });
      worker.on('message', () => { console.log('has them'); ${code} });
    `;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.teardown(() => child.kill('SIGKILL'));
    const [[said]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
    t.is(`${said}`, 'has them\n');
    t.like(slab.stats(), { elsewhere: 0, participants: 1 });
    t.deepEqual(slab.recover(), []);
  });
}
