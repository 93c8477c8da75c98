'use strict';
// tier: run-time

// Processes that share a slab and end, in whatever way: what is left of them, and who hears of it.

const diagnosticsChannel = require('node:diagnostics_channel');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Slab } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { isStamped, stamp } = require('../helpers/bytes.js');
const { allCanBeHad } = require('../helpers/slab.js');
const { Other, canShare, freshName, pair, sharedTest } = require('../helpers/slab-process.js');
const { until } = require('../helpers/until.js');

const root = path.join(__dirname, '../..');
const STALE = 'ERR_RALLOC_STALE_TOKEN';

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
      const held = [];
      for (let one = slab.tryAlloc(1); one !== null; one = slab.tryAlloc(1)) held.push(one);
      t.is(held.length, 7);
      held.push(slab.receive(Number(stdout)));
      for (const buffer of held) slab.free(buffer);
    }
    slab.close();
  },
);

sharedTest('what a killed process held and cached comes back by recover()', async (t) => {
  const { slab, other } = await pair(t);
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
});

sharedTest(
  'a killed process is found when slots run out, and when another one opens the slab',
  async (t) => {
    const { name, slab, other } = await pair(t);
    await other.ask('alloc', { size: 4096, id: 1, count: 16 });
    t.is(slab.tryAlloc(4096), null);
    await other.end();
    await until(() => slab.tryAlloc(4096) !== null);
    const next = await Other.opening(t, name);
    await next.ask('alloc', { size: 64, id: 1, count: 30 });
    await next.end();
    await Other.opening(t, name);
    t.true(slab.stats().elsewhere <= 8, 'the caches of those who live');
  },
);

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
  const next = await Other.opening(t, name);
  await next.ask('alloc', { size: 64, id: 1 });
  await next.end();
  const [recovered] = slab.recover();
  await until(() => told.length > 1);
  t.deepEqual(told[1], recovered);
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

for (const how of ['exit', 'fail', 'close']) {
  sharedTest(`a process that ends by ${how} gives its slots back at once`, async (t) => {
    const { slab, other } = await pair(t);
    await other.ask('alloc', { size: 64, id: 1, count: 20 });
    if (how === 'close') await other.ask(how, { force: true });
    else await other.end(how);
    t.is(slab.stats().elsewhere, 0);
    t.is(slab.stats().participants, 1);
    t.deepEqual(slab.recover(), []);
    allCanBeHad(t, slab);
  });
}

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
    t.is(slab.stats().elsewhere, 0);
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

  const next = await Other.opening(t, name);
  await next.ask('alloc', { size: 64, id: 1, count: 3 });
  await next.end();
  const monitor = Slab.open(name);
  t.like(monitor.recover(), [{ pid: next.pid }]);
  t.deepEqual(monitor.recover(), [], 'once');
  monitor.close();
});

sharedTest('a descriptor that is closed twice is not the one that has the lock', (t) => {
  const name = freshName(t);
  const fd = fs.openSync('/dev/null');
  fs.closeSync(fd);
  const slab = Slab.create(name, { sizes: [64], count: 8 });
  t.throws(() => fs.closeSync(fd), { code: 'EBADF' }); // nothing has got its number since
  t.is(slab.participants().length, 1);
  slab.close();
});

sharedTest('memory without a name is its user’s alone', (t) => {
  const slab = Slab.create(null, { sizes: [64], count: 8 });
  t.is(fs.fstatSync(slab.fd).mode & 0o777, 0o600);
  slab.close();
});

sharedTest('since when one takes part is the same whoever looks, and whenever', async (t) => {
  const before = Date.now();
  const { slab, other } = await pair(t);
  const all = slab.participants().map(({ pid, since }) => ({ pid, since }));
  for (const { since } of all) t.true(since >= before - 1 && since <= Date.now() + 1);
  for (let i = 0; i < 20; i++) {
    const there = await other.ask('participants');
    t.deepEqual(
      there.map(({ pid, since }) => ({ pid, since })),
      all,
    );
  }
});

sharedTest('a process that was stopped keeps its slots', async (t) => {
  const { slab, other } = await pair(t);
  const [key] = await other.ask('alloc', { size: 64, id: 4 });
  process.kill(other.pid, 'SIGSTOP');
  t.deepEqual(slab.recover(), []);
  t.is(slab.participants().length, 2);
  process.kill(other.pid, 'SIGCONT');
  t.true(await other.ask('isStamped', { key, id: 4 }));
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
