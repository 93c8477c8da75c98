'use strict';
// tier: run-time, differs

// FileHandle: what the thread pool still has when the memory of its Buffer is reset, and chunks that are asked for
// one by one.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { Readable } = require('node:stream');
const { Arena } = require('../../lib/index.js');
const { folder } = require('../helpers/folder.js');
const { run } = require('../helpers/child.js');
const { SIZE, isAll, outlive, inPool } = require('../helpers/in-flight.js');

const half = (buffer) => [buffer.subarray(0, SIZE / 2), buffer.subarray(SIZE / 2)];

function* generate(buffer) {
  yield buffer;
}
async function* generateLater(buffer) {
  await null;
  yield buffer;
}
const promised = (buffer) => [Promise.resolve(buffer)];

const writing = {
  'write()': (b, handle) => handle.write(b),
  'write() of a part': (b, handle) => handle.write(b, 1024, 4096, 0),
  'write() with options': (b, handle) => handle.write(b, { offset: 8 }),
  'writev()': (b, handle) => handle.writev(half(b)),
  'writeFile()': (b, handle) => handle.writeFile(b),
  'appendFile()': (b, handle) => handle.appendFile(b),
  'fs.promises.writeFile() to it': (b, handle) => fs.promises.writeFile(handle, b),
  'writeFile() of a list': (b, handle) => handle.writeFile([b]),
  'writeFile() of a list of promises': (b, handle) => handle.writeFile(promised(b)),
  'writeFile() of a generator': (b, handle) => handle.writeFile(generate(b)),
  'writeFile() of an async generator': (b, handle) => handle.writeFile(generateLater(b)),
  'writeFile() of a stream': (b, handle) => handle.writeFile(Readable.from([b])),
  'appendFile() of a generator': (b, handle) => handle.appendFile(generate(b)),
  'fs.promises.writeFile() of a list to it': (b, handle) => fs.promises.writeFile(handle, [b]),
  'fs.promises.appendFile() of a list to it': (b, handle) => fs.promises.appendFile(handle, [b]),
  'a WriteStream': (b, handle) =>
    new Promise((resolve) => handle.createWriteStream({ autoClose: false }).write(b, resolve)),
};

const reading = {
  'read()': (b, handle) => handle.read(b),
  'read() of a part': (b, handle) => handle.read(b, 1024, 4096, 0),
  'read() with options': (b, handle) => handle.read(b, { position: 0 }),
  'read() with a Buffer in options': (b, handle) => handle.read({ buffer: b }),
  'readv()': (b, handle) => handle.readv(half(b)),
};

// Where readFile() takes a Buffer: not on 20, 22 and 24.
const readingWhole = {
  'readFile() into a Buffer': (b, handle) => handle.readFile({ buffer: b }),
  'readFile() into what a function gives': (b, handle) => handle.readFile({ buffer: () => b }),
};

async function open(t, content = '') {
  const file = join(folder(t), 'file');
  fs.writeFileSync(file, content);
  const handle = await fs.promises.open(file, 'r+');
  t.teardown(() => handle.close());
  return { file, handle };
}

for (const [guard, how] of [
  [true, 'keeps its memory until it is over'],
  [false, 'without the guard meets what came after'],
]) {
  for (const [name, write] of Object.entries(writing)) {
    test.serial(`${name} ${how}`, async (t) => {
      const { file, handle } = await open(t);
      const begin = inPool(async (buffer) => write(buffer, handle));
      const { stats } = await outlive(t, { guard }, begin);
      t.is(isAll(fs.readFileSync(file), 'a'), guard);
      t.is(stats.fs.operations > 0, guard);
    });
  }
  for (const [name, read] of Object.entries({ ...reading, ...readingWhole })) {
    test.serial(`${name} ${how}`, async (t) => {
      const { handle } = await open(t, Buffer.alloc(SIZE, 'r'));
      const begin = inPool((buffer) => read(buffer, handle));
      const { isIntact } = await outlive(t, { guard }, begin);
      if (guard || name in reading) t.is(isIntact, guard);
    });
  }
}

test.serial('who awaits a promise finds what was read', async (t) => {
  const arena = new Arena({ guard: true });
  const { handle } = await open(t, 'read');
  const reading = handle.read(arena.allocUnsafe(4));
  arena.reset();
  const { bytesRead, buffer } = await reading;
  t.deepEqual([bytesRead, buffer.toString()], [4, 'read']);
  await new Promise(setImmediate);
  t.is(buffer.length, 0);
  t.is(arena.stats().memory.held, 0);
});

test.serial('a chunk is held until the next is asked for, and not longer', async (t) => {
  const arena = new Arena({ guard: true });
  const { file, handle } = await open(t);
  const chunk = (letter) => arena.allocUnsafe(SIZE).fill(letter);
  const held = [];
  const look = () => held.push(arena.stats().memory.held > 0);
  async function* chunks() {
    for (const letter of 'abc') {
      const buffer = chunk(letter);
      setImmediate(() => arena.reset());
      yield buffer;
      arena.reset();
      look();
    }
  }
  await handle.writeFile(chunks());
  t.deepEqual(held, [false, false, false]);
  t.deepEqual(
    fs.readFileSync(file),
    Buffer.concat([...'abc'].map((letter) => Buffer.alloc(SIZE, letter))),
  );
});

test.serial(
  'a source of chunks is closed when writing them fails, and nothing stays held',
  async (t) => {
    const arena = new Arena({ guard: true });
    const file = join(folder(t), 'file');
    fs.writeFileSync(file, '');
    const handle = await fs.promises.open(file, 'r');
    t.teardown(() => handle.close());
    const closed = [];
    function* chunks() {
      try {
        yield arena.allocUnsafe(SIZE);
      } finally {
        closed.push(arena.stats().guarded.fs.operations);
      }
    }
    const { code } = await t.throwsAsync(handle.writeFile(chunks()));
    t.is(code, 'EBADF');
    arena.reset();
    t.deepEqual(closed, [1]);
    t.is(arena.stats().memory.held, 0);
  },
);

test.serial('an operation that fails ends too', async (t) => {
  const arena = new Arena({ guard: true });
  const handle = await fs.promises.open(__filename);
  t.teardown(() => handle.close());
  const { code } = await t.throwsAsync(handle.write(arena.from('not for writing')));
  await new Promise(setImmediate);
  arena.reset();
  t.is(code, 'EBADF');
  t.is(arena.stats().memory.held, 0);
});

test.serial('of a list with a dead Buffer none is held', async (t) => {
  const { handle } = await open(t);
  const [arena, other] = [new Arena({ guard: true }), new Arena({ guard: true })];
  const dead = other.from('dead');
  other.reset();
  const { code } = await t.throwsAsync(handle.writev([arena.from('alive'), dead]));
  arena.reset();
  t.is(code, 'ERR_RALLOC_DEAD_BUFFER');
  t.is(arena.stats().memory.held, 0);
});

test.serial('an error of a source of chunks is the error of the write', async (t) => {
  const { handle } = await open(t);
  const own = new Error('of the source');
  function* chunks() {
    yield Buffer.from('x');
    throw own;
  }
  t.is(await t.throwsAsync(handle.writeFile(chunks())), own);
});

test.serial('dead Buffers reject, and nothing is written or read', async (t) => {
  const { file, handle } = await open(t, 'as it was');
  const arena = new Arena({ guard: true });
  const dead = arena.allocUnsafe(SIZE);
  arena.reset();
  for (const [name, act] of Object.entries({
    read: () => handle.read(dead),
    'read, with options': () => handle.read({ buffer: dead }),
    readv: () => handle.readv([dead]),
    write: () => handle.write(dead),
    writev: () => handle.writev([Buffer.from('x'), dead]),
    writeFile: () => handle.writeFile(dead),
    'writeFile, a list': () => handle.writeFile([dead]),
    appendFile: () => handle.appendFile(dead),
  })) {
    const { code } = await t.throwsAsync(act(), undefined, name);
    t.is(code, 'ERR_RALLOC_DEAD_BUFFER', name);
  }
  t.is(fs.readFileSync(file, 'utf8'), 'as it was');
  t.is(arena.stats().memory.held, 0);
});

const major = Number.parseInt(process.versions.node, 10);
const permission = major === 20 ? '--experimental-permission' : '--permission';
const root = join(__dirname, '..', '..');

for (const [title, how, execArgv] of [
  ['open() that was taken before', 'taken before', []],
  ['the first open()', 'first', []],
  [
    'open() where the permission model denies one of our own',
    'first',
    [permission, `--allow-fs-read=${root}`],
  ],
]) {
  test(`handles of ${title} hold what they are given`, async (t) => {
    const env = { NODE_V8_COVERAGE: '', RALLOC_BACKEND: 'js' };
    const options = { args: [how], execArgv, env };
    const { code, stderr, result } = await run('guard/first-handle.js', options);
    t.is(code, 0, stderr);
    t.deepEqual(result, { held: true, warnings: [] });
  });
}

for (const when of ['at once', 'at the end']) {
  test(`to install the guard and exit ${when} shows nothing`, async (t) => {
    const { code, stdout, stderr } = await run('guard/exits.js', { args: [when] });
    t.deepEqual([code, stderr, stdout.trim()], [0, '', '{"open":0}']);
  });
}
