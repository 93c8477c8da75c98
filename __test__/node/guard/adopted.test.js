'use strict';
// tier: run-time, differs

// Operations of Node that began after adopt() are still on their way when the arena is reset: they do what they would without it, and the memory
// is freed after them.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { promisify } = require('node:util');
const { sameBytes } = require('../../helpers/bytes.js');
const { Arena, stats } = require('../../../lib/index.js');
const { BusyPool } = require('../../helpers/busy-pool.js');
const { removeFolder } = require('../../helpers/folder.js');
const { releases } = require('../../helpers/given-back.js');
const { until } = require('../../helpers/until.js');

const SIZE = 4 * 1024 * 1024;
const bytes = Buffer.alloc(SIZE, 'adopted');

const inFile = async (t, begin) => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-')), 'file');
  t.teardown(() => removeFolder(path.dirname(file)));
  await begin(file);
  return fs.readFileSync(file);
};

/** Each begins an operation on `buffer`, and gives what that has made of the bytes. */
const operations = {
  'fs.writeFile': (t, buffer) => inFile(t, (file) => promisify(fs.writeFile)(file, buffer)),
  'fs.createWriteStream': (t, buffer) =>
    inFile(t, (file) => new Promise((done) => fs.createWriteStream(file).end(buffer, done))),
  'zlib.gzip': async (_t, buffer) => zlib.gunzipSync(await promisify(zlib.gzip)(buffer)),
  'crypto.randomFill': async (_t, buffer) => {
    await promisify(crypto.randomFill)(buffer, 8);
    return Buffer.concat([buffer.subarray(0, 8), bytes.subarray(8)]);
  },
};

test.before(releases);

for (const [name, operate] of Object.entries(operations)) {
  test.serial(
    `${name}, begun after adopt(), has its bytes over the reset; then they are freed`,
    async (t) => {
      const arena = new Arena({ guard: true });
      const buffer = arena.adopt(Buffer.from(bytes.buffer.slice(0)));
      const { released } = stats().bodies;
      const pool = new BusyPool();
      const done = operate(t, buffer);
      arena.reset();
      t.is(buffer.length, SIZE);
      t.is(arena.stats().memory.adopted, SIZE);
      pool.release();
      sameBytes(t, await done, bytes);
      await until(() => buffer.length === 0);
      t.is(arena.stats().memory.adopted, 0);
      t.true(stats().bodies.released - released >= SIZE);
      arena.close();
    },
  );
}
