'use strict';

// What Node's bindings allocate: crypto's results, and files on Node 26.

const test = require('ava');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { events } = require('../../lib/profile/events.js');
const { Recorder } = require('../../lib/profile/recorder.js');
const { folder } = require('../helpers/folder.js');
const { Tally } = require('../helpers/tally.js');

function record(t, options) {
  const recorder = new Recorder({ rate: 1, seed: 5, ...options });
  recorder.start();
  t.teardown(() => recorder.stop());
  return recorder;
}

function bytesOf(tally, sites) {
  return sites.reduce((sum, { id }) => sum + tally.of(id, events.BORN).bytes, 0);
}

const KEY = Buffer.alloc(16);
const results = {
  'randomBytes()': () => crypto.randomBytes(1000),
  'digest() of a hash': () => crypto.createHash('sha512').update('x').digest(),
  'digest() of an hmac': () => crypto.createHmac('sha512', 'x').update('x').digest(),
  'update() of a cipher': () => crypto.createCipheriv('aes-128-ctr', KEY, KEY).update('x'),
};

for (const [name, make] of Object.entries(results)) {
  test.serial(`${name} is told by its line`, (t) => {
    const recorder = record(t);
    const { length } = make();
    const tally = new Tally(recorder.take());
    const sites = tally.at(__filename).filter(({ source }) => source === 'crypto');
    t.is(sites.length, 1);
    t.is(bytesOf(tally, sites), length > 1 ? length : bytesOf(tally, sites));
  });
}

test.serial('texts are nothing, and errors are the usual ones', (t) => {
  const recorder = record(t);
  t.is(crypto.createHash('sha1').digest('hex').length, 40);
  t.throws(() => crypto.randomBytes(-1), { code: 'ERR_OUT_OF_RANGE' });
  const tally = new Tally(recorder.take());
  t.deepEqual(
    tally.sites.filter(({ source }) => source === 'crypto'),
    [],
  );
});

test.serial('what a cipher gives as a stream is told', async (t) => {
  const recorder = record(t);
  const cipher = crypto.createCipheriv('aes-128-ctr', KEY, KEY);
  cipher.end(Buffer.alloc(100_000));
  cipher.resume();
  await once(cipher, 'end');
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source, frames }) => source === 'crypto' && !frames.length);
  t.is(bytesOf(tally, sites), 100_000);
});

for (const size of [1000, 200_000, 512 * 1024, 512 * 1024 + 1]) {
  test.serial(`a file of ${size} bytes is counted once`, async (t) => {
    const file = join(folder(t), 'file');
    fs.writeFileSync(file, Buffer.alloc(size));
    const recorder = record(t);
    const reads = {
      callback: () => promisify(fs.readFile)(file),
      promise: () => fs.promises.readFile(file),
    };
    for (const [name, read] of Object.entries(reads)) {
      t.is((await read()).length, size);
      const tally = new Tally(recorder.take());
      const counted = tally.sites.filter(({ source }) => source !== 'crypto');
      const born = bytesOf(tally, counted);
      t.true(born >= size && born < size * 2, `${name}: ${born}`);
    }
    const failed = await t.throwsAsync(fs.promises.readFile(join(file, 'none')));
    t.is(failed.code, 'ENOTDIR');
    t.is((await fs.promises.readFile(file, 'utf8')).length, size);
  });
}
