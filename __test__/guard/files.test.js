'use strict';
// tier: run-time, differs

// Files: what the thread pool still has when the memory of its Buffer is reset.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { Arena } = require('../../lib/index.js');
const { folder } = require('../helpers/folder.js');
const { until } = require('../helpers/until.js');
const { SIZE, isAll, outlive, inPool } = require('../helpers/in-flight.js');

const half = (buffer) => [buffer.subarray(0, SIZE / 2), buffer.subarray(SIZE / 2)];
const called = (call) =>
  new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));

const bytesOf = (buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
const wordsOf = (buffer) => new Float64Array(buffer.buffer, buffer.byteOffset, buffer.length / 8);

// Each writes the Buffer to a file: by its name, or by its descriptor.
const writing = {
  'fs.write': (b, { fd }) => promisify(fs.write)(fd, b),
  'fs.write of a part': (b, { fd }) => called((done) => fs.write(fd, b, 1024, 4096, 0, done)),
  'fs.write with options': (b, { fd }) => called((done) => fs.write(fd, b, { length: 4096 }, done)),
  'fs.write of an array of doubles': (b, { fd }) => promisify(fs.write)(fd, wordsOf(b)),
  'fs.writev': (b, { fd }) => promisify(fs.writev)(fd, half(b)),
  'fs.writeFile': (b, { file }) => promisify(fs.writeFile)(file, b),
  'fs.writeFile of a Uint8Array': (b, { file }) => promisify(fs.writeFile)(file, bytesOf(b)),
  'fs.writeFile of a DataView': (b, { file }) =>
    promisify(fs.writeFile)(file, new DataView(b.buffer, b.byteOffset, b.length)),
  'fs.writeFile to a descriptor': (b, { fd }) =>
    called((done) => fs.writeFile(fd, b, { flush: true }, done)),
  'fs.appendFile': (b, { file }) => promisify(fs.appendFile)(file, b),
  'fs.promises.writeFile': (b, { file }) => fs.promises.writeFile(file, b),
  'fs.promises.writeFile with flush': (b, { file }) =>
    fs.promises.writeFile(file, b, { flush: true }),
  'fs.promises.appendFile': (b, { file }) => fs.promises.appendFile(file, b),
};

// Without the guard Node looks at the dead view in a callback of its own, and throws there.
const ENDS_THE_PROCESS = 'fs.writeFile of a DataView';

// Each reads a file of r's into the Buffer.
const reading = {
  'fs.read': (b, { fd }) => promisify(fs.read)(fd, b, 0, SIZE, 0),
  'fs.read with a callback alone': (b, { fd }) => called((done) => fs.read(fd, b, done)),
  'fs.read with options': (b, { fd }) => called((done) => fs.read(fd, b, { position: 0 }, done)),
  'fs.read with a Buffer in options': (b, { fd }) =>
    called((done) => fs.read(fd, { buffer: b }, done)),
  'fs.readv': (b, { fd }) => promisify(fs.readv)(fd, half(b)),
};

// Where readFile() takes a Buffer: not on 20, 22 and 24.
const readingWhole = {
  'fs.readFile into a Buffer': (b, { file }) => promisify(fs.readFile)(file, { buffer: b }),
  'fs.readFile into what a function gives': (b, { file }) =>
    promisify(fs.readFile)(file, { buffer: () => b }),
  'fs.promises.readFile into a Buffer': (b, { file }) => fs.promises.readFile(file, { buffer: b }),
};

function files(t, content = '') {
  const file = join(folder(t), 'file');
  fs.writeFileSync(file, content);
  const fd = fs.openSync(file, 'r+');
  t.teardown(() => fs.closeSync(fd));
  return { file, fd };
}

for (const [guard, how] of [
  [true, 'keeps its memory until it is over'],
  [false, 'without the guard meets what came after'],
]) {
  for (const [name, write] of Object.entries(writing)) {
    if (!guard && name === ENDS_THE_PROCESS) continue;
    test.serial(`${name} ${how}`, async (t) => {
      const target = files(t);
      const begin = inPool((buffer) => write(buffer, target));
      const { isIntact, stats } = await outlive(t, { guard }, begin);
      t.is(isAll(fs.readFileSync(target.file), 'a'), guard);
      t.true(isIntact);
      t.is(stats.fs.operations > 0, guard);
      t.is(stats.stream.operations, 0);
    });
  }
  for (const [name, read] of Object.entries({ ...reading, ...readingWhole })) {
    test.serial(`${name} ${how}`, async (t) => {
      const target = files(t, Buffer.alloc(SIZE, 'r'));
      const begin = inPool((buffer) => read(buffer, target));
      const { isIntact, stats } = await outlive(t, { guard }, begin);
      // Elsewhere readFile() makes its own Buffer.
      if (guard || name in reading) t.is(isIntact, guard);
      if (!name.includes('what a function gives')) t.is(stats.fs.operations > 0, guard);
    });
  }
}

test.serial(
  'a callback finds what was read, and memory that lives on until it has returned',
  async (t) => {
    const arena = new Arena({ guard: true });
    const { fd } = files(t, 'read');
    const buffer = arena.allocUnsafe(4);
    const seen = await new Promise((resolve) => {
      fs.read(fd, buffer, () => resolve([buffer.toString(), arena.stats().memory.held]));
      arena.reset();
    });
    t.is(seen[0], 'read');
    t.true(seen[1] > 0);
    await until(() => arena.stats().memory.held === 0);
  },
);

const dying = {
  'fs.write': (dead, { fd }, done) => fs.write(fd, dead, done),
  'fs.writev': (dead, { fd }, done) => fs.writev(fd, [Buffer.from('x'), dead], done),
  'fs.writeFile': (dead, { file }, done) => fs.writeFile(file, dead, done),
  'fs.appendFile': (dead, { file }, done) => fs.appendFile(file, dead, done),
  'fs.read': (dead, { fd }, done) => fs.read(fd, dead, done),
  'fs.read with options': (dead, { fd }, done) => fs.read(fd, { buffer: dead }, done),
  'fs.readv': (dead, { fd }, done) => fs.readv(fd, [dead], done),
  'fs.promises.writeFile': (dead, { file }) => fs.promises.writeFile(file, dead),
  'fs.promises.appendFile': (dead, { file }) => fs.promises.appendFile(file, dead),
};

for (const [name, act] of Object.entries(dying)) {
  test.serial(`${name} of a dead Buffer tells it, and does nothing`, async (t) => {
    const target = files(t, 'as it was');
    const arena = new Arena({ guard: true });
    const buffer = arena.allocUnsafe(SIZE);
    const other = arena.allocUnsafe(1);
    arena.reset();
    const error = await new Promise((resolve) => act(buffer, target, resolve)?.catch(resolve));
    t.is(error.code, 'ERR_RALLOC_DEAD_BUFFER');
    t.is(other.length, 0);
    t.is(fs.readFileSync(target.file, 'utf8'), 'as it was');
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
    await until(() => arena.stats().memory.held === 0);
    arena.close();
  });
}
