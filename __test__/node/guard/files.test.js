'use strict';
// tier: run-time, differs

// Files: what the thread pool still has when the memory of its Buffer is reset.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { Readable } = require('node:stream');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const { Arena, Slab } = require('../../../lib/index.js');
const { folder } = require('../../helpers/folder.js');
const { letGo } = require('../../helpers/until.js');
const { SIZE, isAll, outlive, inPool } = require('../../helpers/in-flight.js');
const { run } = require('../../helpers/child.js');
const { testWhere } = require('../../helpers/backend.js');

const half = (buffer) => [buffer.subarray(0, SIZE / 2), buffer.subarray(SIZE / 2)];
const called = (call) =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

const bytesOf = (buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
const wordsOf = (buffer) => new Float64Array(buffer.buffer, buffer.byteOffset, buffer.length / 8);

function* generate(buffer) {
  yield buffer;
}
async function* generateLater(buffer) {
  await null;
  yield buffer;
}
const promised = (buffer) => [Promise.resolve(buffer)];

// Each writes the Buffer to a file, by its name, its descriptor or its FileHandle, in a way of its own: the usual ones are in table.js.
const writing = {
  'fs.write of a part': (b, { fd }) => called((done) => fs.write(fd, b, 1024, 4096, 0, done)),
  'fs.write with options': (b, { fd }) => called((done) => fs.write(fd, b, { length: 4096 }, done)),
  'fs.write of an array of doubles': (b, { fd }) => promisify(fs.write)(fd, wordsOf(b)),
  'fs.writeFile of a Uint8Array': (b, { file }) => promisify(fs.writeFile)(file, bytesOf(b)),
  'fs.writeFile of a DataView': (b, { file }) =>
    promisify(fs.writeFile)(file, new DataView(b.buffer, b.byteOffset, b.length)),
  'fs.writeFile to a descriptor': (b, { fd }) =>
    called((done) => fs.writeFile(fd, b, { flush: true }, done)),
  'fs.promises.writeFile with flush': (b, { file }) =>
    fs.promises.writeFile(file, b, { flush: true }),
  'write() of a part': (b, { handle }) => handle.write(b, 1024, 4096, 0),
  'write() with options': (b, { handle }) => handle.write(b, { offset: 8 }),
  'writev() of two': (b, { handle }) => handle.writev(half(b)),
  'fs.promises.writeFile() to a handle': (b, { handle }) => fs.promises.writeFile(handle, b),
  'writeFile() of a list': (b, { handle }) => handle.writeFile([b]),
  'writeFile() of a list of promises': (b, { handle }) => handle.writeFile(promised(b)),
  'writeFile() of a generator': (b, { handle }) => handle.writeFile(generate(b)),
  'writeFile() of an async generator': (b, { handle }) => handle.writeFile(generateLater(b)),
  'writeFile() of a stream': (b, { handle }) => handle.writeFile(Readable.from([b])),
  'appendFile() of a generator': (b, { handle }) => handle.appendFile(generate(b)),
  'fs.promises.writeFile() of a list': (b, { handle }) => fs.promises.writeFile(handle, [b]),
  'fs.promises.appendFile() of a list': (b, { handle }) => fs.promises.appendFile(handle, [b]),
  'a WriteStream of a handle': (b, { handle }) =>
    new Promise((resolve) => handle.createWriteStream({ autoClose: false }).write(b, resolve)),
};

// Without the guard Node looks at the dead view in a callback of its own, and throws there.
const ENDS_THE_PROCESS = 'fs.writeFile of a DataView';

// Each reads a file of r's into the Buffer.
const reading = {
  'fs.read with a callback alone': (b, { fd }) => called((done) => fs.read(fd, b, done)),
  'fs.read with options': (b, { fd }) => called((done) => fs.read(fd, b, { position: 0 }, done)),
  'fs.read with a Buffer in options': (b, { fd }) =>
    called((done) => fs.read(fd, { buffer: b }, done)),
  'fs.readv of two': (b, { fd }) => promisify(fs.readv)(fd, half(b)),
  'read() of a handle alone': (b, { handle }) => handle.read(b),
  'read() with options': (b, { handle }) => handle.read(b, { position: 0 }),
  'read() with a Buffer in options': (b, { handle }) => handle.read({ buffer: b }),
  'readv() of two': (b, { handle }) => handle.readv(half(b)),
};

// Where readFile() takes a Buffer: not on 20, 22 and 24, where it makes its own.
const readingWhole = {
  'fs.readFile into a Buffer': (b, { file }) => promisify(fs.readFile)(file, { buffer: b }),
  'fs.readFile into what a function gives': (b, { file }) =>
    promisify(fs.readFile)(file, { buffer: () => b }),
  'fs.promises.readFile into a Buffer': (b, { file }) => fs.promises.readFile(file, { buffer: b }),
  'readFile() into a Buffer': (b, { handle }) => handle.readFile({ buffer: b }),
  'readFile() into what a function gives': (b, { handle }) => handle.readFile({ buffer: () => b }),
};

async function open(t, content = '') {
  const file = join(folder(t), 'file');
  fs.writeFileSync(file, content);
  const handle = await fs.promises.open(file, 'r+');
  t.teardown(() => handle.close());
  return { file, handle, fd: handle.fd };
}

for (const [name, write] of Object.entries(writing)) {
  test.serial(`${name} keeps its bytes with the guard alone`, async (t) => {
    for (const guard of name === ENDS_THE_PROCESS ? [true] : [true, false]) {
      const target = await open(t);
      const begin = inPool(async (buffer) => write(buffer, target));
      const { isIntact, stats } = await outlive(t, { guard }, begin);
      t.is(isAll(fs.readFileSync(target.file), 'a'), guard);
      t.true(isIntact);
      t.is(stats.fs.operations > 0, guard);
    }
  });
}

for (const [name, read] of Object.entries({ ...reading, ...readingWhole })) {
  test.serial(`${name} keeps its memory with the guard alone`, async (t) => {
    for (const guard of [true, false]) {
      const target = await open(t, Buffer.alloc(SIZE, 'r'));
      const begin = inPool((buffer) => read(buffer, target));
      const { isIntact, stats } = await outlive(t, { guard }, begin);
      if (guard || name in reading) t.is(isIntact, guard);
      if (!name.includes('what a function gives')) t.is(stats.fs.operations > 0, guard);
    }
  });
}

for (const [name, remove] of [
  ['fs.rm', (path) => promisify(fs.rm)(path, { recursive: true })],
  ['fs.promises.rm', (path) => fs.promises.rm(path, { recursive: true })],
]) {
  test.serial(`${name} of a folder has the Buffer of its path until all is removed`, async (t) => {
    const path = join(folder(t), 'whole');
    fs.mkdirSync(join(path, 'a', 'b'), { recursive: true });
    fs.writeFileSync(join(path, 'a', 'b', 'file'), 'x');
    const arena = new Arena({ guard: true });
    const removed = remove(arena.from(path));
    arena.reset();
    arena.allocUnsafe(60_000).fill('!');
    await removed;
    t.false(fs.existsSync(path));
    await letGo(arena);
    arena.close();
  });
}

// Chunks that are asked for one by one.

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

const major = Number.parseInt(process.versions.node, 10);
const permission = major === 20 ? '--experimental-permission' : '--permission';
const root = join(__dirname, '..', '..', '..');

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
    const { code, stderr, result } = await run('node/first-handle.js', options);
    t.is(code, 0, stderr);
    t.deepEqual(result, { held: true, warnings: [] });
  });
}

for (const when of ['at once', 'at the end']) {
  test(`to install the guard and exit ${when} shows nothing`, async (t) => {
    const { code, stdout, stderr } = await run('node/exits.js', { args: [when] });
    t.deepEqual([code, stderr, stdout.trim()], [0, '', '{"open":0}']);
  });
}

// Streams of files that use what they are given after their functions returned.

const newArena = () => new Arena({ guard: true });
const withUtf8Stream = (title, body) =>
  testWhere(fs.Utf8Stream !== undefined, 'fs.Utf8Stream', title, body);

withUtf8Stream(
  'fs.Utf8Stream, in contentMode buffer, writes what it was given before a reset',
  async (t) => {
    const file = join(folder(t), 'log');
    const arena = newArena();
    const slab = new Slab({ sizes: [64], count: 1, guard: true });
    const stream = new fs.Utf8Stream({ dest: file, contentMode: 'buffer' });
    const expected = [];
    for (let i = 0; i < 100; i++) {
      const line = `line ${i}\n`;
      expected.push(line, line);
      stream.write(arena.from(line));
      arena.reset();
      arena.alloc(64, '!');
      arena.reset();
      slab.use(64, (buffer) => {
        stream.write(buffer.subarray(0, buffer.write(line)));
      });
    }
    stream.end();
    await once(stream, 'close');
    t.is(fs.readFileSync(file, 'utf8'), expected.join(''));
    t.is(arena.stats().guarded.fs.operations, 100);
    t.is(slab.stats().guarded.fs.operations, 100);
    t.is(slab.stats().inFlight, 0);
  },
);

withUtf8Stream(
  'fs.Utf8Stream takes strings, and refuses what it refuses without the guard',
  async (t) => {
    const file = join(folder(t), 'log');
    const stream = new fs.Utf8Stream({ dest: file });
    for (const wrong of [newArena().from('bytes'), Buffer.from('bytes'), undefined, 1]) {
      t.throws(() => stream.write(wrong), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    stream.write('a line\n');
    stream.end();
    await once(stream, 'close');
    t.is(fs.readFileSync(file, 'utf8'), 'a line\n');
    t.is(fs.Utf8Stream, fs.Utf8Stream);
  },
);

test('fs.createReadStream and fs.createWriteStream open the path that they were given before a reset', async (t) => {
  const file = join(folder(t), 'file');
  const arena = newArena();
  const begin = (name) => {
    const stream = fs[name](arena.from(file));
    arena.reset();
    arena.alloc(1000, '!');
    return stream;
  };
  const written = begin('createWriteStream').end('content');
  await once(written, 'close');
  const read = begin('createReadStream');
  t.is(await text(read), 'content');
  t.deepEqual([String(written.path), String(read.path)], [file, file]);
});

test('fs.createReadStream and fs.createWriteStream have the options that they were given', async (t) => {
  const file = join(folder(t), 'file');
  await once(fs.createWriteStream(file).end('0123456789'), 'close');
  await once(fs.createWriteStream(file, { flags: 'r+', start: 2 }).end('ab'), 'close');
  t.is(await text(fs.createReadStream(file, { start: 1, end: 4 })), '1ab4');
  t.is((await fs.createReadStream(file, 'hex').toArray()).join(''), '30316162343536373839');
});
