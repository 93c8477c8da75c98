'use strict';
// tier: run-time, differs by Node

// files(): files are read in larger pieces, if they are long, and if few are read at once.

const test = require('ava');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setImmediate } = require('node:timers/promises');
const express = require('express');
const http = require('node:http');
const { files, pump, stats } = require('../..');
const { blockOf, give } = require('../../lib/node/blocks.js');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { newFolder, removeFolder } = require('../helpers/folder.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');

const KiB = 1024;
const folder = newFolder();
test.after.always(() => removeFolder(folder));

const bytes = randomBytes(1024 * KiB);
const fileOf = (size) => {
  const file = path.join(folder, `${size}`);
  fs.writeFileSync(file, bytes.subarray(0, size));
  return file;
};
const counts = () => stats().files;

/** The lengths of what is read, in KiB; all of it is what is in the file. */
async function lengths(t, size, options) {
  const { start = 0, end = size - 1 } = options;
  const chunks = await fs.createReadStream(fileOf(size), options).toArray();
  t.true(Buffer.concat(chunks).equals(bytes.subarray(start, Math.min(end + 1, size))));
  return chunks.map(({ length }) => length / KiB);
}

test.serial('at rest there are 8 MiB at most, and after a while none', (t) => {
  const clock = new Clock();
  clock.use(() => {
    const blocks = Array.from({ length: 40 }, () => blockOf(256 * KiB));
    for (const block of blocks) give(block);
    t.is(counts().idle, 8192 * KiB);
  });
  clock.pass(20_000);
  t.is(counts().idle, 0);
});

for (const [what, size, options, due] of [
  ['short', 2 * KiB, {}, [2]],
  ['of one read', 64 * KiB, {}, [64]],
  ['of a read and more', 100 * KiB, {}, [64, 36]],
  ['long', 1024 * KiB, {}, [64, 256, 256, 256, 192]],
  ['long, and its end is told', 1024 * KiB, { end: 1024 * KiB - 1 }, [256, 256, 256, 256]],
  ['long, and a part is asked for', 1024 * KiB, { start: KiB, end: 401 * KiB - 1 }, [256, 144]],
  ['long, and a short part is asked for', 1024 * KiB, { start: 3, end: KiB + 2 }, [1]],
  ['shorter than it was said to be', 100 * KiB, { end: 1024 * KiB - 1 }, [100]],
  [
    'with reads of its own size',
    300 * KiB,
    { highWaterMark: 100 * KiB, end: 300 * KiB - 1 },
    [100, 100, 100],
  ],
  ['that is not closed', 300 * KiB, { autoClose: false }, [64, 64, 64, 64, 44]],
]) {
  test.serial(`a file that is ${what}`, async (t) => {
    t.deepEqual(await lengths(t, size, { ...options, ...files() }), due);
    t.is(counts().open, 0);
  });
}

/** What Node asks of fs.read() for a file of which no end is told, in KiB. */
async function asked(t, size, patches) {
  const { read, fstat } = fs;
  const sizes = [];
  const note = (fd, buffer, offset, length, ...rest) => {
    sizes.push(length / KiB);
    return read(fd, buffer, offset, length, ...rest);
  };
  Object.assign(fs, { read: note, ...patches });
  try {
    const file = fileOf(size);
    const chunks = await fs.createReadStream(file, files()).toArray();
    t.true(Buffer.concat(chunks).equals(fs.readFileSync(file)));
  } finally {
    Object.assign(fs, { read, fstat });
  }
  return sizes;
}

for (const [size, due] of [
  [63, [64, 64]],
  [64, [64, 4]],
  [100, [64, 36, 4]],
  [256, [64, 192, 4]],
  [1024, [64, 256, 256, 256, 192, 4]],
]) {
  test.serial(`no more is allocated for a file of ${size} KiB than it has`, async (t) => {
    t.deepEqual(await asked(t, size * KiB), due);
  });
}

test.serial('a file that grows once it is measured', async (t) => {
  const { fstat } = fs;
  const grows = (fd, callback) =>
    fstat(fd, (...measured) => {
      fs.appendFileSync(path.join(folder, `${100 * KiB}`), bytes.subarray(0, 200 * KiB));
      callback(...measured);
    });
  const due = [64, 36, 4, 64, 64, 64, 64, 64];
  t.deepEqual(await asked(t, 100 * KiB, { fstat: grows }), due);
});

for (const [what, fstat] of [
  ['fails', (_fd, callback) => process.nextTick(callback, new Error('no'))],
  [
    'is refused',
    () => {
      throw new Error('no');
    },
  ],
  [
    'is that of no file',
    (fd, callback) => callback(null, { isFile: () => false, size: 2 ** 20, fd }),
  ],
]) {
  test.serial(`where fstat() ${what}, reads are as they are without`, async (t) => {
    t.deepEqual(await asked(t, 200 * KiB, { fstat }), [64, 64, 64, 64, 64]);
  });
}

test.serial('a stream that is destroyed while its file is measured reads no more', async (t) => {
  const { fstat } = fs;
  let tell;
  fs.fstat = (...args) => {
    tell = () => fstat(...args);
  };
  t.teardown(() => {
    fs.fstat = fstat;
  });
  const stream = fs.createReadStream(fileOf(1024 * KiB), files());
  await once(stream, 'data');
  await until(() => tell !== undefined);
  stream.destroy();
  await once(stream, 'close');
  tell();
  await setImmediate();
  t.is(stream.bytesRead, 64 * KiB);
});

test.serial('in pieces of another size', async (t) => {
  const options = { end: 1024 * KiB - 1, ...files({ size: 512 * KiB }) };
  t.deepEqual(await lengths(t, 1024 * KiB, options), [512, 512]);
});

test.serial('where many are open each reads less, and no less than without', async (t) => {
  const file = fileOf(1024 * KiB);
  const options = { end: 1024 * KiB - 1, ...files() };
  const streams = [];
  const lengthsOf = [];
  for (let n = 1; n <= 300; n++) {
    const stream = fs.createReadStream(file, options);
    const [chunk] = await once(stream, 'data');
    stream.pause();
    lengthsOf.push(chunk.length / KiB);
    streams.push(stream);
  }
  t.is(counts().open, 300);
  t.deepEqual([...new Set(lengthsOf)], [256, 192, 128, 64]);
  t.deepEqual(
    [64, 86, 129].map((n) => [lengthsOf[n - 1], lengthsOf[n]]),
    [
      [256, 192],
      [128, 128],
      [64, 64],
    ],
  );
  for (const stream of streams) stream.destroy();
  await Promise.all(streams.map((stream) => once(stream, 'close')));
  t.is(counts().open, 0);
});

test.serial('a stream that is destroyed while it reads closes its file', async (t) => {
  const stream = fs.createReadStream(fileOf(1024 * KiB), { end: 1024 * KiB - 1, ...files() });
  await once(stream, 'open');
  stream.resume();
  stream.destroy();
  await once(stream, 'close');
  t.is(stream.fd, null);
  t.is(counts().open, 0);
});

test.serial('delegates of a stream read, and are destroyed, as without', async (t) => {
  const file = fileOf(1024 * KiB);
  const target = path.join(folder, 'delegate');
  const stream = fs.createReadStream(file, files());
  const { _destroy } = stream;
  stream._destroy = function (...args) {
    return _destroy.apply(this, args);
  };
  const delegate = Object.create(stream);
  await once(delegate.pipe(fs.createWriteStream(target)), 'finish');
  t.true(fs.readFileSync(target).equals(bytes));
  for (const [reads, destroys] of [
    [0, 1],
    [1, 0],
  ]) {
    const read = fs.createReadStream(file, { end: 1024 * KiB - 1, ...files() });
    const both = [read, Object.create(read)];
    await once(read, 'ready');
    await once(both[reads], 'data');
    both[destroys].destroy();
    await once(both[destroys], 'close');
    t.is(counts().open, 0);
  }
});

test.serial('express.static() takes them', async (t) => {
  fileOf(1024 * KiB);
  const app = express();
  app.use(express.static(folder, files()));
  const port = await serveOnly(t, app);
  const { reads } = counts();
  const get = async (headers) => {
    const request = http.get({ port, path: `/${1024 * KiB}`, headers, agent: false });
    const [response] = await once(request, 'response');
    return Buffer.concat(await response.toArray());
  };
  t.true((await get({})).equals(bytes));
  t.is(counts().reads, reads + 4);
  t.true((await get({ range: 'bytes=5-9' })).equals(bytes.subarray(5, 10)));
  t.is(counts().reads, reads + 4);
});

test.serial('pump() gives them back', async (t) => {
  const sum = ({ released, left }) => released + left.early; // which Node 20 cannot in the first turn
  const before = sum(stats().bodies);
  const target = path.join(folder, 'target');
  const options = { end: 1024 * KiB - 1, ...files() };
  await pump(fs.createReadStream(fileOf(1024 * KiB), options), fs.createWriteStream(target));
  t.true(fs.readFileSync(target).equals(bytes));
  t.is(sum(stats().bodies) - before, 1024 * KiB);
});

test.serial('piped, the memory of its reads is used again, without `pool: false`', async (t) => {
  const file = fileOf(1024 * KiB);
  for (const [pool, due] of [
    [true, 4],
    [false, 0],
  ]) {
    const port = await serveOnly(t, (_req, res) => {
      fs.createReadStream(file, { end: 1024 * KiB - 1, ...files({ pool }) }).pipe(res);
    });
    const get = async () => {
      const [response] = await once(http.get({ port, agent: false }), 'response');
      t.true(Buffer.concat(await response.toArray()).equals(bytes));
    };
    await get(); // whose memory is there then
    const { reused } = counts();
    await get();
    t.is(counts().reused, reused + due);
  }
});

test.serial('a block is dead once it is given back, and so are all views of it', (t) => {
  const block = blockOf(64 * KiB);
  const other = new Uint8Array(block.buffer);
  t.is(give(block), 64 * KiB);
  t.deepEqual([block.length, other.length], [0, 0]);
  const next = blockOf(64 * KiB);
  t.is(next.length, 64 * KiB);
  t.is(next.buffer.byteLength, 64 * KiB);
  give(next);
  for (const bytes of [0, 100, 64 * KiB + 1, Number.POSITIVE_INFINITY])
    t.is(blockOf(bytes), undefined);
});

test('bad input', (t) => {
  for (const [options, message] of [
    [{ size: 65535 }, /"options.size" is out of range/],
    [{ size: 2 ** 20 + 1 }, /"options.size" is out of range/],
    [{ size: '1' }, /"options.size" property must be of type number/],
    [{ pool: 1 }, /"options.pool" property must be of type boolean/],
    [{ pools: true }, /Unknown option "pools"/],
    [5, /"options" argument must be an object/],
  ]) {
    t.throws(() => files(options), { message, code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  }
});

test('in the place of fs.createReadStream(): who says how to read, or passes on what is read, is left alone', async (t) => {
  const { result, stderr } = await run('node/installed-files.mjs', {
    args: [fileOf(512 * KiB)],
    execArgv: ['--pending-deprecation'],
  });
  t.is(stderr, '');
  const usual = Array(8).fill(64);
  const larger = [64, 256, 192, 4];
  t.deepEqual(result, {
    ...{ plain: [64, 256, 192], module: [64, 256, 192], end: [256, 256] },
    ...{ mark: [100, 100, 100, 100, 100, 12], fs: usual, fd: usual, text: usual },
    ...{ passed: [...usual, 64], passedPart: usual, tee: [...usual, 64] },
    ...{ duplex: [...usual, 64], strict: larger },
    ...{ passedAsAsked: larger, zipped: larger, kept: larger },
    ...{ amidst: [64, 256, 192], left: [5, 5], again: 'fs.createReadStream changed' },
  });
});
