'use strict';
// tier: run-time

// What budgets tell of the memory that the process has: which numbers are read, which level they make, when they are looked at, and what is given back then.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { Gauges } = require('../../lib/budget/gauges.js');
const { Levels } = require('../../lib/budget/pressure.js');
const { Clock } = require('../helpers/clock.js');
const { folder } = require('../helpers/folder.js');
const { fresh } = require('../helpers/fresh.js');

const MiB = 2 ** 20;
const MACHINE = { cgroup: Infinity, rlimit: Infinity, machine: 24 * 1024 * MiB };
const WAITS = (full) =>
  `some avg10=50.00 avg60=9.00 avg300=9.00 total=1\nfull avg10=${full} avg60=9.00 avg300=9.00 total=1\n`;

/** A folder that has /proc and /sys of these files. */
function machine(t, files) {
  const root = folder(t);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
  return root;
}

const V2 = {
  'proc/self/cgroup': '0::/app/web\n',
  'sys/fs/cgroup/app/web/memory.max': 'max\n',
  'sys/fs/cgroup/app/web/memory.current': `${10 * MiB}\n`,
  'sys/fs/cgroup/app/memory.max': `${512 * MiB}\n`,
  'sys/fs/cgroup/app/memory.current': `${500 * MiB}\n`,
  'sys/fs/cgroup/app/memory.stat': `anon 1\ninactive_file ${200 * MiB}\nactive_file 5\n`,
  'sys/fs/cgroup/app/memory.pressure': WAITS('12.50'),
};

test('of the groups of version 2 the one counts that allows least, without its unused cache of files', (t) => {
  const { cgroup, psi } = new Gauges(machine(t, V2), MACHINE).read();
  t.deepEqual(cgroup, { value: 300 * MiB, limit: 512 * MiB });
  t.deepEqual(psi, { value: 0.125, limit: 1, isOwn: true });
});

test('the least counts, whether it is of the group or of one above', (t) => {
  const limitWith = (own, above) => {
    const limits = {
      'sys/fs/cgroup/app/web/memory.max': `${own * MiB}\n`,
      'sys/fs/cgroup/app/memory.max': `${above * MiB}\n`,
    };
    return new Gauges(machine(t, { ...V2, ...limits }), MACHINE).read().cgroup.limit / MiB;
  };
  t.deepEqual([limitWith(256, 512), limitWith(512, 256)], [256, 256]);
});

test('in a container the group is the mount itself', (t) => {
  const root = machine(t, {
    'proc/self/cgroup': '0::/../../docker/4711\n',
    'sys/fs/cgroup/memory.max': `${256 * MiB}\n`,
    'sys/fs/cgroup/memory.current': `${64 * MiB}\n`,
    'proc/pressure/memory': WAITS('0.00'),
  });
  const { cgroup, psi } = new Gauges(root, MACHINE).read();
  t.deepEqual(cgroup, { value: 64 * MiB, limit: 256 * MiB });
  t.deepEqual(psi, { value: 0, limit: 1, isOwn: false }, "the machine's");
});

test('version 1 has other names for the same', (t) => {
  const root = machine(t, {
    'proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/app\n0::/\n',
    'sys/fs/cgroup/memory/app/memory.limit_in_bytes': `${100 * MiB}\n`,
    'sys/fs/cgroup/memory/app/memory.usage_in_bytes': `${90 * MiB}\n`,
    'sys/fs/cgroup/memory/app/memory.stat': `inactive_file 1\ntotal_inactive_file ${30 * MiB}\n`,
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  });
  t.deepEqual(new Gauges(root, MACHINE).read().cgroup, { value: 60 * MiB, limit: 100 * MiB });
});

test('ulimit -d counts what the process has of data', (t) => {
  const root = machine(t, { 'proc/self/status': `Name:\tnode\nVmData:\t  ${600 * 1024} kB\n` });
  const { data, rss, cgroup } = new Gauges(root, { ...MACHINE, rlimit: 1024 * MiB }).read();
  t.deepEqual(data, { value: 600 * MiB, limit: 1024 * MiB });
  t.is(rss.limit, 1024 * MiB);
  t.true(rss.value > 0);
  t.is(cgroup, undefined);
});

test('a group that can no longer be read is told of once, and the other numbers remain', (t) => {
  const warned = [];
  const warnings = { warnOnce: (...warning) => warned.push(warning) };
  const stubbed = fresh('budget/gauges.js', { 'base/warnings.js': warnings });
  const root = machine(t, V2);
  const gauges = new stubbed.Gauges(root, MACHINE);
  t.is(gauges.read().cgroup.value, 300 * MiB);
  fs.rmSync(path.join(root, 'sys/fs/cgroup/app/memory.current'));
  fs.rmSync(path.join(root, 'sys/fs/cgroup/app/memory.pressure'));
  const { cgroup, rss, psi } = gauges.read();
  t.deepEqual([cgroup, rss.limit, psi.value], [undefined, MACHINE.machine, NaN]);
  gauges.read();
  t.deepEqual(warned, [['RALLOC_PRESSURE_UNREAD', path.join('/', 'sys/fs/cgroup/app')]]);
});

test('a system without any of these files has what Node tells', (t) => {
  const { arrayBuffers, rss, ...others } = new Gauges(folder(t), MACHINE).read();
  t.deepEqual(others, {});
  t.true(arrayBuffers.value > 0 && arrayBuffers.value <= rss.value);
});

const percent = (value) => ({ value, limit: 100 });

test('a level is left below the share that it is entered at', (t) => {
  const levels = new Levels();
  const seen = [50, 84, 85, 80, 75, 74, 96, 94, 90, 89, 85, 74, 100].map(
    (value) => levels.next({ cgroup: percent(value) }).level,
  );
  t.deepEqual(seen, [0, 0, 1, 1, 1, 0, 2, 2, 2, 1, 1, 0, 2]);
});

test('the number is named that is at the highest level, and RSS alone is never critical', (t) => {
  const next = (numbers) => new Levels().next(numbers);
  t.deepEqual(next({ rss: percent(99), arrayBuffers: percent(40) }), {
    level: 1,
    cause: { of: 'rss', value: 99, limit: 100 },
  });
  t.deepEqual(next({ arrayBuffers: percent(96), rss: percent(99), cgroup: percent(86) }), {
    level: 2,
    cause: { of: 'arrayBuffers', value: 96, limit: 100 },
  });
  const waits = (isOwn) => next({ psi: { value: 0.6, limit: 1, isOwn } });
  t.is(waits(true).level, 2);
  t.is(waits(false).level, 1, 'others of the machine wait');
  t.deepEqual(next({ rss: percent(NaN), data: percent(NaN) }), { level: 0, cause: null });
});

/** Budgets in a time of their own, over numbers that a test sets. */
function watched() {
  const clock = new Clock();
  const seen = { looks: 0, relieved: [], numbers: {} };
  class Numbers {
    read() {
      seen.looks++;
      return seen.numbers;
    }
  }
  const asks = (name) => (options) => seen.relieved.push(name, options) > 0;
  const { Budget } = fresh('budget/budget.js', {
    'budget/gauges.js': { Gauges: Numbers },
    'memory/gc.js': { requestGc: asks('gc'), requestMajor: asks('major') },
    'memory/idle.js': { giveBackWarm: asks('warm') },
  });
  return { clock, seen, Budget };
}

test('memory is looked at while something is charged, and at each sixteenth more of the limit', (t) => {
  const { clock, seen, Budget } = watched();
  const all = new Budget({ maxBytes: 1600 });
  const tenant = new Budget({ maxBytes: 1600, parent: all });
  clock.pass(1000);
  t.deepEqual([seen.looks, clock.timers.length], [0, 0], 'nothing is charged');
  const charge = clock.use(() => tenant.charge(50));
  t.is(seen.looks, 1);
  t.is(clock.timers.length, 1);
  t.false(clock.timers[0].refed);
  clock.pass(500);
  t.is(seen.looks, 6);
  clock.use(() => charge.grow(49));
  t.is(seen.looks, 6, 'in the first sixteenth still');
  clock.use(() => charge.grow(1));
  t.is(seen.looks, 7);
  clock.use(() => {
    for (let i = 0; i < 1500; i++) charge.grow(1);
  });
  t.is(seen.looks, 8, 'once in a turn');
  clock.use(() => charge.shrink(1000));
  clock.pass(100);
  clock.use(() => charge.grow(100));
  t.is(seen.looks, 10, 'what was given back counts anew');
  clock.use(() => charge.release());
  clock.pass(1000);
  t.deepEqual([seen.looks, clock.timers.length], [11, 0]);
  clock.use(() => tenant.charge(0).release());
  clock.pass(1000);
  t.is(clock.timers.length, 0);
});

test('a level is told to the budgets of a tree, and by stats(), with the number that made it', async (t) => {
  const { clock, seen, Budget } = watched();
  const all = new Budget({ name: 'all', maxBytes: 1000 });
  const tenant = new Budget({ name: 'tenant', maxBytes: 1000, parent: all });
  const idle = new Budget({ name: 'idle', maxBytes: 1000 });
  const told = [];
  for (const one of [all, tenant, idle]) one.onPressure((pressure) => told.push(pressure));
  const charge = clock.use(() => tenant.charge(10));
  t.deepEqual(all.stats().pressure, { level: 'none', cause: null });
  const cause = { of: 'cgroup', value: 90, limit: 100 };
  seen.numbers = { cgroup: percent(90) };
  clock.pass(300);
  await new Promise(setImmediate);
  t.deepEqual(told, [
    { budget: 'all', limit: 1000, used: 10, level: 'high', cause },
    { budget: 'tenant', limit: 1000, used: 10, level: 'high', cause },
  ]);
  t.deepEqual(idle.stats().pressure, { level: 'high', cause }, 'the process has one memory');
  seen.numbers = { cgroup: percent(97) };
  clock.pass(100);
  clock.use(() => t.is(tenant.tryCharge(1000), null));
  seen.numbers = {};
  clock.use(() => charge.release());
  clock.pass(100);
  await new Promise(setImmediate);
  t.deepEqual(
    told.slice(2).map(({ budget, level, cause: by }) => [budget, level, by?.of]),
    [
      ['all', 'critical', 'cgroup'],
      ['tenant', 'critical', 'cgroup'],
      ['tenant', 'critical', 'budget'],
      ['all', 'none', undefined],
      ['tenant', 'none', undefined],
    ],
  );
  t.deepEqual(tenant.stats().pressure, { level: 'none', cause: null });
  t.is(clock.timers.length, 0);
});

test('under pressure what is warm goes back and collections are asked for, also once nothing is charged', (t) => {
  const { clock, seen, Budget } = watched();
  seen.numbers = { rss: percent(90) };
  const budget = new Budget({ maxBytes: 10 });
  const charge = clock.use(() => budget.charge(1));
  t.deepEqual(seen.relieved, ['warm', undefined, 'major', false]);
  clock.use(() => charge.release());
  clock.pass(100);
  t.deepEqual(seen.relieved.slice(4), ['warm', undefined, 'gc', { full: true }]);
  seen.numbers = {};
  clock.pass(100);
  t.deepEqual([seen.relieved.length, clock.timers.length], [8, 0]);
  t.is(budget.stats().pressure.level, 'none');
});
