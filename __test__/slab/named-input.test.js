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
const {
  canShare,
  freshName,
  inheritTest,
  pair,
  segmentFile: fileOf,
  sharedTest,
} = require('../helpers/slab-process.js');
const { posixTest, testWhere } = require('../helpers/backend.js');
const { fixturePath } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { limitTest } = require('../helpers/prlimit.js');
const { memoryFiles, mountTest, runAfter } = require('../helpers/namespace.js');

const INVALID = 'ERR_RALLOC_INVALID_ARGUMENT';
const OPTIONS = { sizes: [64, 4096], count: [64, 16] };

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

for (const [which, name] of Object.entries(names)) {
  test(`names are refused: ${which}`, (t) => {
    for (const method of ['create', 'open', 'openOrCreate', 'unlink']) {
      t.throws(() => Slab[method](name, OPTIONS), { instanceOf: RangeError, code: INVALID });
    }
  });
}

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

for (const [which, more] of Object.entries(options)) {
  test(`options are refused: ${which}`, (t) => {
    const name = freshName(t);
    for (const method of ['create', 'openOrCreate']) {
      t.throws(() => Slab[method](name, { ...OPTIONS, ...more }), { code: INVALID });
    }
  });
}

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
    t.like(thrown, { code: 'ERR_RALLOC_SEGMENT_INVALID', field, found, expected });
  }
  const same = Slab.openOrCreate(name, OPTIONS);
  t.is(slab.stats().participants, 2);
  same.close();
  slab.close();
});

sharedTest('files that are no slabs, or damaged, are not opened and not removed', (t) => {
  const write = (change) => {
    const name = freshName(t);
    Slab.create(name, OPTIONS).close();
    change(fileOf(name));
    return name;
  };
  const patch = (at, value) => (file) => {
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.from(new BigUint64Array([value]).buffer), 0, 8, at);
    fs.closeSync(fd);
  };
  const invalid = 'ERR_RALLOC_SEGMENT_INVALID';
  t.like(
    error(t, () => Slab.open(write(patch(0, 1n)))),
    { code: invalid, field: 'magic number', found: 1n },
  );
  // Numbers that doubles could not tell apart.
  const near = error(t, () => Slab.open(write(patch(0, MAGIC + 1n))));
  t.like(near, { field: 'magic number', found: MAGIC + 1n, expected: MAGIC });
  t.like(
    error(t, () => Slab.open(write(patch(8, 77n)))),
    { code: 'ERR_RALLOC_SEGMENT_VERSION', found: 77 },
  );
  t.like(
    error(t, () => Slab.open(write((file) => fs.truncateSync(file, 8192)))),
    { code: invalid, field: 'length of the file', found: 8192 },
  );
  const pools = write(patch(80, 32n));
  t.like(
    error(t, () => Slab.open(pools)),
    { code: invalid, field: 'number of pools', found: 32 },
  );
  t.true(fs.existsSync(fileOf(pools)));
  const text = freshName(t);
  fs.writeFileSync(fileOf(text), 'a text that is no slab, and long enough for a header', {
    mode: 0o600,
  });
  t.like(
    error(t, () => Slab.openOrCreate(text, OPTIONS)),
    { code: invalid, field: 'magic number' },
  );
  t.throws(() => Slab.unlink(text), { code: invalid });
  t.true(fs.existsSync(fileOf(text)));
  fs.unlinkSync(fileOf(text));
});

sharedTest('a slab in use is not made anew, whatever its header says', async (t) => {
  const { name, slab, other } = await pair(t);
  const [key] = await other.ask('alloc', { size: 64, id: 7 });
  const before = fs.statSync(fileOf(name));
  const fd = fs.openSync(fileOf(name), 'r+');
  fs.writeSync(fd, Buffer.from([1]), 0, 1, 24); // the state: ready becomes being made
  fs.closeSync(fd);
  const damaged = { code: 'ERR_RALLOC_SEGMENT_INVALID', field: 'state', found: 1, expected: 2 };
  for (const count of [
    [64, 16],
    [8, 8],
    [640, 160],
  ]) {
    for (const method of ['create', 'openOrCreate']) {
      const thrown = error(t, () => Slab[method](name, { ...OPTIONS, count }));
      t.like(thrown, damaged, method);
    }
  }
  t.like(
    error(t, () => Slab.open(name)),
    damaged,
  );
  t.is(fs.statSync(fileOf(name)).ino, before.ino);
  t.is(fs.statSync(fileOf(name)).size, before.size);
  t.true(await other.ask('isStamped', { key, id: 7 }));
  await other.end();
  slab.close();
  const next = Slab.openOrCreate(name, { ...OPTIONS, count: 8 }); // nobody has it any more
  t.is(next.stats().held, 0);
  next.close();
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
    { code: 'ERR_RALLOC_SEGMENT_INVALID', field: 'mode for other users' },
  );
  // It is listed all the same, and what is listed can be ended.
  t.true(Slab.list().some((one) => one.name === name));
  t.true(Slab.unlink(name));
  t.false(fs.existsSync(fileOf(name)));
});

sharedTest('a slab that nobody finishes is waited for, for so long', (t) => {
  const name = freshName(t);
  fs.writeFileSync(fileOf(name), '', { mode: 0o600 });
  t.like(
    error(t, () => Slab.open(name, { timeoutMs: 20 })),
    { code: 'ERR_RALLOC_SEGMENT_TIMEOUT' },
  );
  const slab = Slab.create(name, OPTIONS);
  t.is(slab.stats().free, 80, 'whoever has options for it finishes it');
  slab.close();
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

sharedTest('tokens that nobody sent are stale', (t) => {
  const slab = Slab.create(freshName(t), OPTIONS);
  for (const token of [0, 1, 79, 80, 2 ** 22, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    t.throws(() => slab.receive(token), { code: 'ERR_RALLOC_STALE_TOKEN' });
  }
  t.is(slab.stats().held, 0);
  slab.close();
});

// Slabs that processes share, where the machine refuses: the files of other users, files that are none, and too little memory.

const PROGRAM = fixturePath('slab/segments.js');
const NOBODY = 65534;
const INVALID_OF_NAMED_MACHINE = 'ERR_RALLOC_SEGMENT_INVALID';
const FULL = { code: 'ERR_RALLOC_MAP', errnoCode: 'ENOSPC', syscall: 'fallocate' };
const OPTIONS_OF_NAMED_MACHINE = { sizes: [4096], count: 16 }; // some 136 KiB with the registry
const LARGE = { sizes: [4096], count: 512 };

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
  const slab = Slab.create(mine, OPTIONS_OF_NAMED_MACHINE);
  const calls = ['open', 'create', 'openOrCreate', 'unlink'].map((call) => {
    return ['open', 'unlink'].includes(call)
      ? [call, mine]
      : [call, mine, OPTIONS_OF_NAMED_MACHINE];
  });
  const refused = asNobody(t, [...calls, ['list'], ['create', theirs, OPTIONS_OF_NAMED_MACHINE]]);
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
  for (const call of [
    Slab.open,
    Slab.unlink,
    (name) => Slab.openOrCreate(name, OPTIONS_OF_NAMED_MACHINE),
  ]) {
    const error = t.throws(() => call(theirs), { code: INVALID_OF_NAMED_MACHINE });
    t.like(error, { field: 'owner', found: NOBODY, expected: 0 });
  }
  t.true(fs.existsSync(fileOf(theirs)));
  t.false(Slab.list().some(({ name }) => name === theirs));
});

const IS_POSIX = process.platform !== 'win32';

const kinds = {
  'a folder': [(file) => fs.mkdirSync(file), { errnoCode: IS_POSIX ? 'EISDIR' : 'EPERM' }],
  'a pipe': [(file) => spawnSync('mkfifo', ['-m', '600', file]), { field: 'kind of file' }],
  'a socket': [
    async (file, t) => {
      const server = net.createServer().listen(file);
      t.teardown(() => server.close());
      await once(server, 'listening');
    },
    { errnoCode: 'ENXIO' },
  ],
  'a link': [(file) => fs.symlinkSync(__filename, file), { errnoCode: 'ELOOP' }],
  zeros: [(file) => fs.writeFileSync(file, Buffer.alloc(100_000)), { field: 'magic number' }],
  'a few zeros': [(file) => fs.writeFileSync(file, Buffer.alloc(9)), { field: 'magic number' }],
  'the first words of a slab': [
    (file) => fs.truncateSync(file, 40),
    { field: 'length of the file', found: 40 },
  ],
};

for (const [which, [make, expected]] of Object.entries(kinds)) {
  const kindTest = ['a pipe', 'a socket', 'a link'].includes(which) ? fileTest : sharedTest;
  kindTest(`a name that is ${which} is neither opened, made nor removed`, async (t) => {
    const name = freshName(t);
    const file = fileOf(name);
    if (which.startsWith('the first')) Slab.create(name, OPTIONS_OF_NAMED_MACHINE).close();
    await make(file, t);
    const before = fs.lstatSync(file);
    if (before.isFile()) fs.chmodSync(file, 0o600);
    const calls = [Slab.open, Slab.openOrCreate, Slab.create, Slab.unlink];
    // One that is damaged behind its magic number is this user's to remove.
    for (const call of before.size === 40 ? calls.slice(0, 2) : calls) {
      const options = [Slab.openOrCreate, Slab.create].includes(call)
        ? OPTIONS_OF_NAMED_MACHINE
        : undefined;
      t.like(
        t.throws(() => call(name, options), { name: 'RallocError' }),
        expected,
        call.name,
      );
    }
    const after = fs.lstatSync(file);
    t.deepEqual([after.ino, after.size, after.mtimeMs], [before.ino, before.size, before.mtimeMs]);
    fs.rmSync(file, { recursive: true });
  });
}

const listTest = canShare ? limitTest : sharedTest;

listTest('list() of a process without descriptors fails, and does not leave slabs out', (t) => {
  const name = freshName(t);
  Slab.create(name, OPTIONS_OF_NAMED_MACHINE).close();
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
    ['create', name, OPTIONS_OF_NAMED_MACHINE],
    ['openOrCreate', name, OPTIONS_OF_NAMED_MACHINE],
  ];
  const named = [['open', name], ['unlink', name], ['list']];
  for (const [what, calls] of [
    ['/dev/shm', [...create, ...named]],
    ['/proc', [...create, ['create', null, OPTIONS_OF_NAMED_MACHINE]]],
  ]) {
    const results = runAfter(t, without[what], PROGRAM, JSON.stringify(calls));
    for (const [i, error] of results.entries()) {
      t.is(error.code, 'ERR_RALLOC_UNSUPPORTED', `${what}: ${calls[i][0]}`);
      t.regex(error.message, new RegExp(`this system does not have ${what}$`));
    }
  }
});

mountTest('a small /dev/shm, and a full one, are told with both figures and what to do', (t) => {
  const results = runAfter(
    t,
    ['mount -t tmpfs -o size=1m tmpfs /dev/shm'],
    PROGRAM,
    JSON.stringify([
      ['create', '/a', OPTIONS_OF_NAMED_MACHINE],
      ['create', '/b', LARGE],
      ['openOrCreate', '/b', LARGE],
      ['files'],
      ['fill', '/rest', 65536],
      ['create', '/b', OPTIONS_OF_NAMED_MACHINE],
      ['files'],
      ['use', '/a'],
      ['remove', '/rest'],
      ['create', '/b', OPTIONS_OF_NAMED_MACHINE],
      ['use', '/b'],
    ]),
  );
  const [, small, opened, first, , full, files, used, , , usedB] = results;
  for (const [error, least, free] of [
    [small, 2 ** 21, [1, 2 ** 20]],
    [opened, 2 ** 21, [1, 2 ** 20]],
    [full, 65537, [65536, 65536]],
  ]) {
    t.like(error, FULL);
    t.true(error.requested >= least && error.free >= free[0] && error.free <= free[1]);
    for (const said of [error.requested, error.free, '/dev/shm', '--shm-size', 'medium: Memory']) {
      t.true(error.message.includes(said), error.message);
    }
  }
  t.deepEqual([results[0], first, files, used, usedB], [16, ['a'], ['a', 'rest'], 16, 16]);
});

const files = process.platform === 'linux' ? memoryFiles() : undefined;

mountTest('what a control group has left is asked before memory is taken', (t) => {
  if (files === undefined) return t.log('not tested: no files of a control group');
  const dir = folder(t);
  const numbers = [2 ** 27, 2 ** 27 - 2 ** 20, 'no pages that could be taken back'];
  const commands = files.map((file, i) => {
    fs.writeFileSync(`${dir}/${i}`, `${numbers[i]}\n`);
    return `mount --bind '${dir}/${i}' '${file}'`;
  });
  const calls = [['create', '/ralloc-test-group', LARGE], ['create', null, LARGE], ['files']];
  const shm = 'mount -t tmpfs tmpfs /dev/shm';
  const results = runAfter(t, [shm, ...commands], PROGRAM, JSON.stringify(calls));
  for (const error of results.slice(0, 2)) {
    t.like(error, FULL);
    t.true(error.requested >= 2 ** 21 && error.free === 2 ** 20);
    t.regex(error.message, /memory limit/);
    for (const figure of [error.requested, error.free]) t.true(error.message.includes(figure));
  }
  t.deepEqual(results[2], []);
});
