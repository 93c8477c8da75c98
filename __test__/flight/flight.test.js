'use strict';
// tier: tools, differs by Node, long

// A process that was killed, and what its recording says of it: real deaths of helpers/deaths.js.
// All of them, and random kills: npm run soak -- flight.

const test = require('ava');
const fs = require('node:fs');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { backend } = require('../..');
const { explain } = require('../../lib/flight/explain.js');
const { FlightFile, markTold, readFlight } = require('../../lib/flight/file.js');
const { killsIn, bornOf, isAlive, namespaceHere } = require('../../lib/flight/processes.js');
const { Lines } = require('../../lib/flight/lines.js');
const { testWhere } = require('../helpers/backend.js');
const { fixturePath, run, shared } = require('../helpers/child.js');
const { called } = require('../helpers/cli.js');
const { canMakeGroup } = require('../helpers/control-group.js');
const { die, faultsOf, onlyIn, startDeath } = require('../helpers/deaths.js');
const { folder, newFolder, removeFolder } = require('../helpers/folder.js');
const { limitTest } = require('../helpers/prlimit.js');

const isLinux = process.platform === 'linux';
const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

const BYTES = 96e6; // of one kind; scripts/flight.js has more

const TITLES = {
  heap: 'objects that leak',
  upload: 'bodies of uploads',
  uncaught: 'an exception that nobody caught',
  exit: 'an exit code',
  'exit-late': 'an exit code that a listener of exit has set',
  descriptors: 'what leaks while no descriptor is left',
  terminated: 'SIGTERM',
};

/** By the binary. */
const NOTED = {
  stuck: 'SIGTERM, which ends a loop that is blocked at once',
  raised: 'a signal that the application has listened to, and raises again',
  late: 'SIGTERM that the application has heard before it was killed',
  'heap-at-once': "V8's heap that fills in one turn of the loop",
  abort: 'abort()',
};

for (const [name, title] of Object.entries(TITLES)) {
  testWhere(isLinux, 'Linux', `a recording tells ${title}, dead and alive`, async (t) => {
    t.deepEqual(faultsOf(name, await die(name, folder(t), { bytes: BYTES })), []);
  });
}

const leakDir = newFolder();
test.after.always(() => removeFolder(leakDir));

/** One that leaks Buffers, killed: its termination log, and what its recording says. */
const leak = shared(async () => {
  const log = path.join(leakDir, 'log');
  fs.writeFileSync(log, '');
  const env = { RALLOC_TERMINATION_LOG: log };
  return { log, found: await die('buffers', leakDir, { env, bytes: BYTES }) };
});

testWhere(isLinux, 'Linux', 'a recording tells Buffers that leak, dead and alive', async (t) => {
  t.deepEqual(faultsOf('buffers', (await leak()).found), []);
});

for (const [name, title] of Object.entries(NOTED)) {
  testWhere(
    isLinux && backend === 'native',
    'Linux, and the binary',
    `a recording tells ${title}`,
    async (t) => {
      t.deepEqual(faultsOf(name, await die(name, folder(t))), []);
    },
  );
}

testWhere(
  isLinux && backend === 'native',
  'Linux, and the binary',
  'a loop that is blocked is told by the thread, with the request that began last',
  async (t) => {
    t.deepEqual(faultsOf('blocked', await die('blocked', folder(t))), []);
  },
);

test('a line of code is told by its Buffers that live, and small ones by their number', (t) => {
  const lines = new Lines();
  lines.start();
  t.teardown(() => lines.stop());
  const kept = [
    Array.from({ length: 60 }, () => Buffer.alloc(4e6)),
    Array.from({ length: 60_000 }, () => Buffer.from('small')),
  ];
  const [large, small] = lines.look();
  t.regex(large.at, /flight\.test\.js:\d+$/);
  t.not(large.at, small.at);
  t.true(Math.abs(large.bytes - 240e6) < 40e6 && large.bytes === large.grown);
  t.true(Math.abs(small.buffers - 60_000) < 12_000);
  t.is(kept.length, 2);
});

testWhere(
  canMakeGroup(),
  'control groups',
  "a recording tells the kernel's OOM kill",
  async (t) => {
    t.deepEqual(faultsOf('oom', await die('oom', folder(t))), []);
  },
);

test('OOM kills are counted in both forms of the file', (t) => {
  const file = path.join(folder(t), 'events');
  for (const [text, kills] of [
    ['oom_kill_disable 0\nunder_oom 0\noom_kill 3\n', 3],
    ['low 0\nhigh 0\nmax 52\noom 1\noom_kill 2\noom_group_kill 0\n', 2],
    ['oom_kill_disable 0\nunder_oom 0\n', undefined],
  ]) {
    fs.writeFileSync(file, text);
    t.is(killsIn(file), kills);
  }
});

/** A file with one record. */
function written(t, value = { process: { pid: 1 }, now: { rss: 5e6 } }) {
  const file = path.join(folder(t), 'a.flight');
  const flight = new FlightFile(file);
  t.teardown(() => flight.close());
  flight.record(1, JSON.stringify(value));
  return { file, flight };
}

test('a record that is torn leaves the one before', (t) => {
  const { file, flight } = written(t);
  flight.record(2, '{"now":{"rss":6000000}}');
  t.is(readFlight(file).record.time, 2);
  const bytes = fs.readFileSync(file);
  bytes[bytes.indexOf('6000000')] = 0x37; // of the later one
  fs.writeFileSync(file, bytes);
  t.is(readFlight(file).record.time, 1);
});

test('a record of a time that no clock has is none', (t) => {
  const { file, flight } = written(t);
  flight.record(1e300, '{}');
  t.is(readFlight(file).record.time, 1);
});

test('a process that goes on after its end was told has not ended', (t) => {
  const { file, flight } = written(t);
  flight.end(2, '{"how":"uncaught"}');
  t.is(readFlight(file).end.value.how, 'uncaught');
  flight.record(3, '{}');
  t.is(readFlight(file).end, undefined);
});

test('the first process of a container goes on after SIGTERM without a listener: that is told', (t) => {
  const { file, flight } = written(t);
  flight.end(2000, '{"how":"signal","signal":"SIGTERM"}');
  flight.record(33_000, '{}');
  t.regex(explain(readFlight(file)).line, /^had not ended 31 s after SIGTERM, and was killed/);
});

test('a file that is cut short, of another version, or of somebody else is refused in words', (t) => {
  const { file } = written(t);
  const whole = fs.readFileSync(file);
  for (const [bytes, fault] of [
    [whole.subarray(0, 10), 'is not of a flight recorder'],
    [whole.subarray(0, 5000), undefined],
    [whole.subarray(0, 4100), 'has no record that is whole'],
    [
      Buffer.from(whole.toString('latin1').replace('FLIGHT 1', 'FLIGHT 2'), 'latin1'),
      'is of another version of ralloc',
    ],
    [Buffer.alloc(1 << 20, 255), 'is not of a flight recorder'],
  ]) {
    fs.writeFileSync(file, bytes);
    const read = readFlight(file);
    if (fault !== undefined) t.is(read.fault, fault);
  }
  t.is(readFlight(path.dirname(file)).fault, 'is not a file');
});

for (const value of [
  null,
  7,
  [],
  {
    ring: 'x',
    lines: [{ at: 5, bytes: 1e9 }, { at: '\u001b' }, 7],
    requests: [null, { route: 5, bytes: 'NaN' }],
    now: [],
    limits: { heap: 'x' },
  },
  { now: { rss: 1e308, parts: { buffers: -1e308, native: 1e308 } }, ring: [[1e308], [null], 5] },
  {
    process: { pid: '../..', host: {}, reports: '\0' },
    group: { folder: '\0', kills: -1, inode: 1 },
  },
  { ring: [[]], requests: [{}], waiting: [{}], now: { rss: [{}] } },
  { collections: [[{}]], pool: 1, admission: 'x', waiting: { length: 9 } },
]) {
  test(`whatever a record says, it is told: ${JSON.stringify(value)}`, async (t) => {
    const { file } = written(t, value);
    t.is(typeof explain(readFlight(file)).line, 'string');
    for (const options of [[], ['--json']]) t.is((await called(['why', ...options, file])).code, 0);
  });
}

test('an end that no recorder writes is not known, and controls are printed as text', async (t) => {
  const { file, flight } = written(t, { process: { app: '\u001b[2J' } });
  flight.end(2, '{"how":"constructor"}');
  const { code, stdout } = await called(['why', file]);
  t.is(code, 0);
  t.regex(stdout, /^ended without a word, as by SIGKILL/);
  t.false(stdout.includes('\u001b'));
});

testWhere(
  isLinux,
  'Linux',
  'ralloc why tells a process that runs, and what a shell or npm has started, on a screen of 80 columns',
  async (t) => {
    const dir = folder(t);
    const shell = startDeath('idle', dir, { enter: '"$0" "$@"; exit' });
    await once(shell.stdout, 'data');
    const started = fs.readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'latin1');
    const pid = Number(started);
    for (const one of [pid, shell.pid]) {
      const { code, stdout, stderr } = await called(['why', `${one}`]);
      t.is(code, 0, stderr);
      t.regex(stdout, /^running, and has /);
      t.true(stdout.split('\n').every((line) => [...line].length <= 80));
    }
    const { stdout: json } = await called(['why', '--json', `${pid}`]);
    t.is(JSON.parse(json).pid, pid);
    process.kill(pid, 'SIGKILL');
    await once(shell, 'close');
    const { stdout: dead } = await called(['why', dir]);
    t.regex(dead, /^ended without a word, as by SIGKILL/);
  },
);

test('ralloc why of what is not there says so', async (t) => {
  for (const [name, said] of [
    ['4194304', /no process|no flight recorder/],
    [folder(t), /has no recording/],
    ['nothing-there', /nothing-there/],
  ]) {
    const { code, stderr } = await called(['why', name]);
    t.is(code, 1, stderr);
    t.regex(stderr, said);
  }
});

testWhere(isLinux, 'Linux', 'the next process tells how the one before ended, once', async (t) => {
  const dir = folder(t);
  await leak();
  const other = onlyIn(leakDir);
  fs.copyFileSync(other, path.join(dir, path.basename(other)));
  const next = (...args) =>
    run('flight/next.js', {
      args: [dir, ...args],
      execArgv: ['--require', PRELOAD],
      env: { RALLOC_AUTO: '', RALLOC_FLIGHT_RECORDER: dir },
    });
  const first = await next();
  t.is(first.stderr, '', 'of another program');
  t.is(first.result, null);
  t.is((await next('kill')).signal, 'SIGKILL');
  const told = await next();
  const line = JSON.parse(told.stderr);
  t.is(line.ralloc, 'previousExit');
  t.is(line.how, 'unknown');
  t.deepEqual(told.result, line.line);
  t.is((await next()).stderr, '');
});

testWhere(
  isLinux,
  'Linux',
  'a parent tells of a worker that was killed, and nobody else does',
  async (t) => {
    const { code, stderr } = await run('flight/cluster.js', {
      execArgv: ['--require', PRELOAD],
      env: { RALLOC_AUTO: '', RALLOC_FLIGHT_RECORDER: folder(t) },
    });
    t.is(code, 0, stderr);
    const told = stderr.trimEnd().split('\n');
    t.is(told.length, 1, stderr);
    const { ralloc, how, line } = JSON.parse(told[0]);
    t.deepEqual([ralloc, how], ['childExit', 'killed']);
    t.regex(line, /^killed by SIGKILL while it had /);
  },
);

const withRecorder = (value, env = {}) =>
  run('flight/next.js', {
    execArgv: ['--require', PRELOAD],
    env: { RALLOC_AUTO: '', RALLOC_FLIGHT_RECORDER: value, ...env },
  });

test('a folder that cannot be written is told once, and the application goes on', async (t) => {
  const file = path.join(folder(t), 'file');
  fs.writeFileSync(file, '');
  const { code, stderr } = await withRecorder(path.join(file, 'folder'));
  t.is(code, 0);
  t.is(stderr.match(/RALLOC_FLIGHT_OFF/g).length, 1);
});

testWhere(isLinux, 'Linux', 'so is one that is not there, where no folder can be', async (t) => {
  const { code, stderr } = await withRecorder('/proc/a/b');
  t.is(code, 0);
  t.is(stderr.match(/RALLOC_FLIGHT_OFF/g).length, 1);
});

limitTest('a disk that is full is told once, and the application goes on', async (t) => {
  const dir = folder(t);
  const args = [
    '--fsize=4096',
    process.execPath,
    '--require',
    PRELOAD,
    fixturePath('flight/next.js'),
  ];
  const env = { ...process.env, RALLOC_AUTO: '', RALLOC_FLIGHT_RECORDER: dir };
  const { status, stderr } = spawnSync('prlimit', args, { env, encoding: 'utf8' });
  t.is(status, 0, stderr);
  t.is(stderr.match(/RALLOC_FLIGHT_OFF/g).length, 1);
});

test('a process of the same id in another container is another one', (t) => {
  const here = {
    pid: process.pid,
    host: os.hostname(),
    ns: namespaceHere(),
    born: bornOf(process.pid),
  };
  const [now, long] = [Date.now(), Date.now() - 60_000];
  t.true(isAlive(here, long));
  for (const other of [{ ns: 'pid:[1]' }, { host: 'other' }]) {
    t.false(isAlive({ ...here, ...other }, long));
    t.true(isAlive({ ...here, ...other }, now), 'it writes');
  }
  if (here.born !== undefined)
    t.false(isAlive({ ...here, born: '1' }, now), 'the id was used again');
});

test('a value that is neither a word of a switch nor a folder is told, and ignored', async (t) => {
  const { code, stderr } = await withRecorder('ture');
  t.is(code, 0);
  t.regex(stderr, /RALLOC_WRONG_VALUE.*RALLOC_FLIGHT_RECORDER/);
  t.is((await withRecorder('off')).stderr, '');
});

testWhere(
  isLinux,
  'Linux',
  'the termination log has the line of what was killed; a clean end empties it, and removes the recording of the temporary folder',
  async (t) => {
    const { log } = await leak();
    t.regex(fs.readFileSync(log, 'utf8'), /^ralloc: at .*Z it had .*Buffers.*\n$/);
    fs.utimesSync(log, 1, 1);
    const tmp = folder(t);
    const env = { RALLOC_TERMINATION_LOG: log, TMPDIR: tmp };
    const { code, stderr } = await withRecorder('on', env);
    t.is(code, 0, stderr);
    t.is(fs.readFileSync(log, 'utf8'), '');
    const [own] = fs.readdirSync(tmp);
    t.deepEqual(fs.readdirSync(path.join(tmp, own)), []);
  },
);

testWhere(
  isLinux,
  'Linux',
  'a termination log of the application, a folder and a link are left alone',
  async (t) => {
    const dir = folder(t);
    const [log, link] = ['log', 'link'].map((name) => path.join(dir, name));
    fs.writeFileSync(log, 'ours');
    fs.symlinkSync(log, link);
    const TMPDIR = folder(t);
    const of = async (file) =>
      (await withRecorder('on', { RALLOC_TERMINATION_LOG: file, TMPDIR })).stderr;
    t.is(await of(log), '');
    t.regex(await of(link), /RALLOC_FLIGHT_OFF.*symbolic link/);
    t.regex(await of(dir), /RALLOC_FLIGHT_OFF/);
    t.is(fs.readFileSync(log, 'utf8'), 'ours');
  },
);

test('what was told is marked', (t) => {
  const { file } = written(t);
  t.false(readFlight(file).isTold);
  markTold(file);
  t.true(readFlight(file).isTold);
});
