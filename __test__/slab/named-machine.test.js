'use strict';
// tier: run-time

// Slabs that processes share, where the machine refuses: the files of other users, files that are none, and too little memory.

const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { Slab } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { fixturePath } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { limitTest } = require('../helpers/prlimit.js');
const { memoryFiles, mountTest, runAfter } = require('../helpers/namespace.js');
const { canShare, freshName, sharedTest } = require('../helpers/slab-process.js');

const PROGRAM = fixturePath('slab/segments.js');
const NOBODY = 65534;
const INVALID = 'ERR_RALLOC_SEGMENT_INVALID';
const FULL = { code: 'ERR_RALLOC_MAP', errnoCode: 'ENOSPC', syscall: 'fallocate' };
const OPTIONS = { sizes: [4096], count: 16 }; // some 136 KiB with the registry
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
  if (!canShare || process.getuid() !== 0) return false;
  const read = ['-e', 'require("fs").accessSync(process.argv[1])', PROGRAM];
  return spawnSync(process.execPath, read, { uid: NOBODY, stdio: 'ignore' }).status === 0;
};

testWhere(canBeNobody(), 'another user', "another user's slab is neither opened nor ended", (t) => {
  const [mine, theirs] = [freshName(t), freshName(t)];
  const slab = Slab.create(mine, OPTIONS);
  const calls = ['open', 'create', 'openOrCreate', 'unlink'].map((call) => {
    return ['open', 'unlink'].includes(call) ? [call, mine] : [call, mine, OPTIONS];
  });
  const refused = asNobody(t, [...calls, ['list'], ['create', theirs, OPTIONS]]);
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
  for (const call of [Slab.open, Slab.unlink, (name) => Slab.openOrCreate(name, OPTIONS)]) {
    const error = t.throws(() => call(theirs), { code: INVALID });
    t.like(error, { field: 'owner', found: NOBODY, expected: 0 });
  }
  t.true(fs.existsSync(`/dev/shm${theirs}`));
  t.false(Slab.list().some(({ name }) => name === theirs));
});

const kinds = {
  'a folder': [(file) => fs.mkdirSync(file), { errnoCode: 'EISDIR' }],
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
  sharedTest(`a name that is ${which} is neither opened, made nor removed`, async (t) => {
    const name = freshName(t);
    const file = `/dev/shm${name}`;
    if (which.startsWith('the first')) Slab.create(name, OPTIONS).close();
    await make(file, t);
    const before = fs.lstatSync(file);
    if (before.isFile()) fs.chmodSync(file, 0o600);
    const calls = [Slab.open, Slab.openOrCreate, Slab.create, Slab.unlink];
    // One that is damaged behind its magic number is this user's to remove.
    for (const call of before.size === 40 ? calls.slice(0, 2) : calls) {
      const options = [Slab.openOrCreate, Slab.create].includes(call) ? OPTIONS : undefined;
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

limitTest('list() of a process without descriptors fails, and does not leave slabs out', (t) => {
  const name = freshName(t);
  Slab.create(name, OPTIONS).close();
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
    ['create', name, OPTIONS],
    ['openOrCreate', name, OPTIONS],
  ];
  const named = [['open', name], ['unlink', name], ['list']];
  for (const [what, calls] of [
    ['/dev/shm', [...create, ...named]],
    ['/proc', [...create, ['create', null, OPTIONS]]],
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
      ['create', '/a', OPTIONS],
      ['create', '/b', LARGE],
      ['openOrCreate', '/b', LARGE],
      ['files'],
      ['fill', '/rest', 65536],
      ['create', '/b', OPTIONS],
      ['files'],
      ['use', '/a'],
      ['remove', '/rest'],
      ['create', '/b', OPTIONS],
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

const files = canShare ? memoryFiles() : undefined;

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
