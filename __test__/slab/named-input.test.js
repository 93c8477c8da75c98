'use strict';
// tier: run-time

// Slabs that processes share: what cannot be made or opened, by typed errors, and with nothing changed.

const test = require('ava');
const fs = require('node:fs');
const os = require('node:os');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const { RallocError, Slab } = require('../..');
const { OPTIONS } = require('../helpers/slab-peer.js');
const {
  canShare,
  freshName,
  inheritTest,
  segmentFile: fileOf,
  sharedTest,
} = require('../helpers/slab-process.js');
const { posixTest, testWhere } = require('../helpers/backend.js');
const { fixturePath } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { limitTest } = require('../helpers/prlimit.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const BROKEN = 'ERR_RALLOC_SEGMENT_INVALID';

const MAGIC = Buffer.from('ralloc\x01\xf5', 'latin1').readBigUInt64LE();

const error = (t, call) => {
  const thrown = t.throws(call, { any: true });
  t.true(thrown instanceof RallocError, thrown.message);
  return thrown;
};

const names = {
  empty: '',
  'a slash alone': '/',
  'without a slash': 'frames',
  'with a second slash': '/a/b',
  'that end with a slash': '/a/',
  'of two slashes': '//a',
  'that are the folder': '/.',
  'that are above the folder': '/..',
  'with a null byte': '/a\0b',
  'of half a character': '/\ud800',
  'of 256 bytes': `/${'x'.repeat(255)}`,
  'of 256 bytes in fewer characters': `/${'ü'.repeat(127)}x`,
};

test('names that no file can have are refused', (t) => {
  for (const [which, name] of Object.entries(names)) {
    for (const method of ['create', 'open', 'openOrCreate', 'unlink']) {
      const call = () => Slab[method](name, OPTIONS);
      t.throws(call, { instanceOf: RangeError, code: INVALID }, which);
    }
  }
});

test('names of another type are refused', (t) => {
  for (const method of ['create', 'open', 'openOrCreate', 'unlink']) {
    for (const name of [undefined, true, {}, ['/a'], Symbol('a'), () => '/a']) {
      t.throws(() => Slab[method](name, OPTIONS), { instanceOf: TypeError, code: INVALID });
    }
  }
  t.throws(() => Slab.open(null), { instanceOf: TypeError });
  t.throws(() => Slab.openOrCreate(null, OPTIONS), { instanceOf: TypeError });
  for (const fd of [-1, 1.5, 2 ** 31, Number.NaN]) {
    t.throws(() => Slab.open(fd), { instanceOf: RangeError, code: INVALID });
  }
});

const options = {
  'growing pools': { maxCount: 100 },
  'pools that drop slots': { minCount: 0 },
  'idle times of pools that cannot grow': { idleMs: 10 },
  'names of another kind': { name: 'frames' },
  'unknown options': { timeout: 10 },
  'times that are negative': { timeoutMs: -1 },
  'times that are no numbers': { transitMs: '30' },
  'times beyond timers': { transitMs: 2 ** 31 },
  'callbacks that are none': { onRecovered: true },
  'more than maxBytes': { maxBytes: 1000 },
  'more slots than tokens can name': { count: [2 ** 22, 1], maxBytes: 2 ** 40 },
  'no pools': { sizes: [] },
  'no count': { count: undefined },
};

test('options that no shared slab can have are refused', (t) => {
  const name = freshName(t);
  for (const [which, more] of Object.entries(options)) {
    for (const method of ['create', 'openOrCreate']) {
      t.throws(() => Slab[method](name, { ...OPTIONS, ...more }), { code: INVALID }, which);
    }
  }
});

test('those who open a slab do not choose its pools', (t) => {
  for (const option of ['sizes', 'count', 'maxBytes', 'transitMs']) {
    const call = () => Slab.open('/ralloc-test-none', { [option]: 1 });
    t.throws(call, { code: INVALID, message: new RegExp(`"${option}"`) });
  }
});

sharedTest('what is not there cannot be opened, and what is there not created', (t) => {
  const name = freshName(t);
  const none = error(t, () => Slab.open(name));
  t.like(none, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'ENOENT' });
  t.is(none.errno, os.constants.errno.ENOENT);
  const slab = Slab.create(name, OPTIONS);
  slab.alloc(10);
  const there = error(t, () => Slab.create(name, OPTIONS));
  t.like(there, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'EEXIST' });
  t.is(slab.stats().held, 1);
  t.is(slab.stats().participants, 1);
  slab.close({ force: true });
});

sharedTest('a slab of other pools is not opened, and the error says what differs', (t) => {
  const name = freshName(t);
  const slab = Slab.create(name, OPTIONS);
  const differing = [
    [{ sizes: [64], count: 4 }, 'number of pools', 2, 1],
    [{ sizes: [64, 8192], count: [64, 16] }, 'slot size of pool 1', 4096, 8192],
    [{ sizes: [64, 4096], count: [64, 17] }, 'count of pool 1', 16, 17],
  ];
  for (const [other, field, found, expected] of differing) {
    const thrown = error(t, () => Slab.openOrCreate(name, other));
    t.like(thrown, { code: BROKEN, field, found, expected });
  }
  const same = Slab.openOrCreate(name, OPTIONS);
  t.is(slab.stats().participants, 2);
  same.close();
  slab.close();
});

sharedTest('a damaged header is an error that names the field, and its bytes stay', (t) => {
  // Numbers that doubles could not tell apart.
  const near = { code: BROKEN, field: 'magic number', found: MAGIC + 1n, expected: MAGIC };
  for (const [at, value, expected] of [
    [0, MAGIC + 1n, near],
    [8, 77n, { code: 'ERR_RALLOC_SEGMENT_VERSION', found: 77 }],
    [24, 1n, { code: BROKEN, field: 'state', found: 1, expected: 2 }],
    [80, 32n, { code: BROKEN, field: 'number of pools', found: 32 }],
  ]) {
    const name = freshName(t);
    const slab = Slab.create(name, OPTIONS); // in use meanwhile: it is not made anew, whatever its header says
    const fd = fs.openSync(fileOf(name), 'r+');
    fs.writeSync(fd, Buffer.from(new BigUint64Array([value]).buffer), 0, 8, at);
    fs.closeSync(fd);
    const before = fs.statSync(fileOf(name));
    for (const call of [() => Slab.open(name), () => Slab.openOrCreate(name, OPTIONS)]) {
      t.like(error(t, call), expected);
    }
    const { ino, size } = fs.statSync(fileOf(name));
    t.deepEqual([ino, size], [before.ino, before.size]);
    slab.close();
  }
});

/** Of files that Windows does not have. */
const fileTest = (title, body) => posixTest(title, body, sharedTest);

fileTest('a file that other users can open is not opened', (t) => {
  const name = freshName(t);
  Slab.create(name, OPTIONS).close();
  t.is(fs.statSync(fileOf(name)).mode & 0o777, 0o600);
  fs.chmodSync(fileOf(name), 0o666);
  t.like(
    error(t, () => Slab.open(name)),
    { code: BROKEN, field: 'mode for other users' },
  );
  // It is listed all the same, and what is listed can be ended.
  t.true(Slab.list().some((one) => one.name === name));
  t.true(Slab.unlink(name));
  t.false(fs.existsSync(fileOf(name)));
});

sharedTest('an empty file of that name, perhaps of another program, is never taken over', (t) => {
  const name = freshName(t);
  fs.writeFileSync(fileOf(name), '', { mode: 0o600 });
  for (const call of [
    () => Slab.open(name),
    () => Slab.create(name, OPTIONS),
    () => Slab.openOrCreate(name, OPTIONS),
    () => Slab.unlink(name),
  ])
    t.like(error(t, call), { code: BROKEN, field: 'magic number', found: 0n });
  t.is(fs.statSync(fileOf(name)).size, 0);
});

sharedTest('what does not fit is refused before it is made, with both figures', (t) => {
  const name = freshName(t);
  const huge = { sizes: [2 ** 30], count: 4096, maxBytes: Number.MAX_SAFE_INTEGER };
  const thrown = error(t, () => Slab.create(name, huge));
  t.like(thrown, { code: 'ERR_RALLOC_MAP', errnoCode: 'ENOSPC' });
  t.true(thrown.requested >= 2 ** 42 && thrown.free < thrown.requested);
  t.regex(thrown.message, /--shm-size|memory limit|remove files/);
  t.false(fs.existsSync(fileOf(name)));
});

inheritTest('descriptors of anything else are refused', (t) => {
  const fd = fs.openSync(__filename);
  t.teardown(() => fs.closeSync(fd));
  t.like(
    error(t, () => Slab.open(fd)),
    { name: 'RallocError' },
  );
  const none = error(t, () => Slab.open(2 ** 30));
  t.like(none, { code: 'ERR_RALLOC_MAP', syscall: 'fcntl', errnoCode: 'EBADF' });
  t.regex(none.message, /descriptor 1073741824: the process has no such descriptor/);
});

// Slabs that processes share, where the machine refuses: the files of other users, files that are none, and too little memory.

const PROGRAM = fixturePath('slab/segments.js');
const NOBODY = 65534;
const SMALL = { sizes: [4096], count: 16 }; // some 136 KiB with the registry

/** What comes of calls that another user makes. */
function asNobody(t, calls) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, JSON.stringify(calls)], {
    uid: NOBODY,
    gid: NOBODY,
    encoding: 'utf8',
  });
  t.is(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Whether this is root, and another user can read this clone. */
const canBeNobody = () => {
  if (!canShare || process.getuid?.() !== 0) return false;
  const read = ['-e', 'require("fs").accessSync(process.argv[1])', PROGRAM];
  return spawnSync(process.execPath, read, { uid: NOBODY, stdio: 'ignore' }).status === 0;
};

testWhere(canBeNobody(), 'another user', "another user's slab is neither opened nor ended", (t) => {
  const [mine, theirs] = [freshName(t), freshName(t)];
  const slab = Slab.create(mine, SMALL);
  const calls = ['open', 'create', 'openOrCreate', 'unlink'].map((call) => {
    return ['open', 'unlink'].includes(call) ? [call, mine] : [call, mine, SMALL];
  });
  const refused = asNobody(t, [...calls, ['list'], ['create', theirs, SMALL]]);
  for (const error of refused.slice(0, 4)) {
    t.like(error, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'EACCES' });
    t.regex(error.message, /another user's/);
  }
  const [listed, count] = refused.slice(4); // perhaps with what that user has of other tests
  t.false(listed.some(({ name }) => name === mine));
  t.is(count, 16);
  t.is(slab.stats().participants, 1);
  slab.close();
  // The superuser may open any file, and takes no slab for its own that somebody else may have made so.
  for (const call of [Slab.open, Slab.unlink, (name) => Slab.openOrCreate(name, SMALL)]) {
    const error = t.throws(() => call(theirs), { code: BROKEN });
    t.like(error, { field: 'owner', found: NOBODY, expected: 0 });
  }
  t.true(fs.existsSync(fileOf(theirs)));
  t.false(Slab.list().some(({ name }) => name === theirs));
});

fileTest('a name that is no slab is neither opened, made nor removed', async (t) => {
  const listen = async (file) => {
    const server = net.createServer().listen(file);
    t.teardown(() => server.close());
    await once(server, 'listening');
  };
  for (const [make, expected] of [
    [(file) => fs.mkdirSync(file), { errnoCode: 'EISDIR' }],
    [(file) => spawnSync('mkfifo', ['-m', '600', file]), { field: 'kind of file' }],
    [listen, { errnoCode: 'ENXIO' }],
    [(file) => fs.symlinkSync(__filename, file), { errnoCode: 'ELOOP' }],
    [(file) => fs.writeFileSync(file, 'a text', { mode: 0o600 }), { field: 'magic number' }],
  ]) {
    const name = freshName(t);
    const file = fileOf(name);
    await make(file);
    const before = fs.lstatSync(file);
    for (const method of ['open', 'openOrCreate', 'create', 'unlink']) {
      const args = ['openOrCreate', 'create'].includes(method) ? [name, SMALL] : [name];
      t.like(
        error(t, () => Slab[method](...args)),
        expected,
        method,
      );
    }
    const after = fs.lstatSync(file);
    t.deepEqual([after.ino, after.size, after.mtimeMs], [before.ino, before.size, before.mtimeMs]);
    fs.rmSync(file, { recursive: true });
  }
});

const listTest = canShare ? limitTest : sharedTest;

listTest('list() of a process without descriptors fails, and does not leave slabs out', (t) => {
  const name = freshName(t);
  Slab.create(name, SMALL).close();
  const calls = JSON.stringify([['list'], ['openAll', 1], ['list']]); // one for the folder
  const limited = ['--nofile=100', process.execPath, PROGRAM, calls];
  const env = { ...process.env, NODE_V8_COVERAGE: '' }; // which V8 could not write at the exit
  const { stdout, stderr } = spawnSync('prlimit', limited, { env, encoding: 'utf8' });
  t.is(stderr, '');
  const [before, limit, at] = JSON.parse(stdout);
  t.true(before.some((one) => one.name === name));
  t.is(limit, 'EMFILE');
  t.like(at, { code: 'ERR_RALLOC_MAP', syscall: 'shm_open', errnoCode: 'EMFILE' });
});

/** The argument of `unshare` by which this user may mount; undefined if it may not. */
const unshared = ['-m', '-Urm'].find(
  (flag) => canShare && spawnSync('unshare', [flag, 'true'], { stdio: 'ignore' }).status === 0,
);

/** What comes of calls after the commands of a shell in a mount namespace of its own. */
function runAfter(t, commands, calls) {
  const shell = [...commands, 'exec "$@"'].join(' && ');
  const program = [process.execPath, PROGRAM, JSON.stringify(calls)];
  const args = [unshared, 'sh', '-c', shell, 'sh', ...program];
  const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' });
  t.is(status, 0, stderr);
  return JSON.parse(stdout);
}

const mountTest = (title, body) =>
  testWhere(unshared !== undefined, 'a namespace with mounts of its own', title, body);

mountTest('a machine without /dev/shm or /proc is told what it lacks', (t) => {
  const [dev, name] = [folder(t), '/ralloc-test-lacks'];
  const without = {
    '/dev/shm': [
      `mount -t tmpfs tmpfs '${dev}'`,
      ...['null', 'urandom'].map((file) => {
        return `touch '${dev}/${file}' && mount --bind /dev/${file} '${dev}/${file}'`;
      }),
      `mount --rbind '${dev}' /dev`,
    ],
    '/proc': ['mount -t tmpfs tmpfs /dev/shm', 'mount -t tmpfs tmpfs /proc'],
  };
  const create = [
    ['create', name, SMALL],
    ['openOrCreate', name, SMALL],
  ];
  const named = [['open', name], ['unlink', name], ['list']];
  for (const [what, calls] of [
    ['/dev/shm', [...create, ...named]],
    ['/proc', [...create, ['create', null, SMALL]]],
  ]) {
    const results = runAfter(t, without[what], calls);
    for (const [i, error] of results.entries()) {
      t.is(error.code, 'ERR_RALLOC_UNSUPPORTED', `${what}: ${calls[i][0]}`);
      t.regex(error.message, new RegExp(`this system does not have ${what}$`));
    }
  }
});
