'use strict';
// tier: run-time, differs

// Streams of files that use what they are given after their functions returned.

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { text } = require('node:stream/consumers');
const { Arena, Slab } = require('../../lib/index.js');
const { testWhere } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');

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
