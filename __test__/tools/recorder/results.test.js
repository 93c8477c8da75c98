'use strict';
// tier: tools

// What Node's bindings allocate: crypto's results, and files on Node 26.

const { serial: test } = require('ava');
const buffer = require('node:buffer');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { serialize } = require('node:v8');
const { events } = require('../../../tools/recorder/events.js');
const { folder } = require('../../helpers/folder.js');
const { Tally, record } = require('../../helpers/tally.js');

function bytesOf(tally, sites) {
  return sites.reduce((sum, { id }) => sum + tally.of(id, events.BORN).bytes, 0);
}

const KEY = Buffer.alloc(16);
const PAIR = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 });
const results = {
  'randomBytes()': () => crypto.randomBytes(1000),
  'digest() of a hash': () => crypto.createHash('sha512').update('x').digest(),
  'digest() of an hmac': () => crypto.createHmac('sha512', 'x').update('x').digest(),
  'update() of a cipher': () => crypto.createCipheriv('aes-128-ctr', KEY, KEY).update('x'),
  'pbkdf2Sync()': () => crypto.pbkdf2Sync('x', 'salt', 1, 1000, 'sha1'),
  'scryptSync()': () => crypto.scryptSync('x', 'salt', 1000, { N: 2, r: 1, p: 1 }),
  'sign()': () => crypto.sign('sha256', KEY, PAIR.privateKey),
  'sign() of a Sign': () => crypto.createSign('sha256').update('x').sign(PAIR.privateKey),
  'publicEncrypt()': () => crypto.publicEncrypt(PAIR.publicKey, KEY),
  'hkdfSync()': () => crypto.hkdfSync('sha256', 'x', 'salt', '', 1000), // an ArrayBuffer
};

const callbacks = {
  'randomBytes()': (done) => crypto.randomBytes(20_000, done),
  'pbkdf2()': (done) => crypto.pbkdf2('x', 'salt', 1, 20_000, 'sha1', done),
  'scrypt()': (done) => crypto.scrypt('x', 'salt', 20_000, { N: 2, r: 1, p: 1 }, done),
  'hkdf()': (done) => crypto.hkdf('sha256', 'x', 'salt', '', 8000, done),
};

const others = {
  'Buffer.of': () => Buffer.of(...KEY, ...KEY, ...KEY, ...KEY, ...KEY),
  'Buffer.copyBytesFrom': () => Buffer.copyBytesFrom(new Uint8Array(5000)),
  'buffer.transcode': () => buffer.transcode(Buffer.alloc(3000, 'x'), 'utf8', 'utf16le'),
  'v8.serialize': () => serialize('x'.repeat(3000)),
};

for (const [source, makers] of [
  ['crypto', results],
  [
    'crypto',
    Object.fromEntries(
      Object.entries(callbacks).map(([name, call]) => [`a callback of ${name}`, promisify(call)]),
    ),
  ],
  ...Object.entries(others).map(([name, make]) => [name, { [`${name}()`]: make }]),
]) {
  for (const [name, make] of Object.entries(makers)) {
    test(`what ${name} gives is counted once, and told by its line`, async (t) => {
      const recorder = record(t);
      const { byteLength } = await make();
      const tally = new Tally(recorder.take());
      const sites = tally.at(__filename).filter((site) => site.source === source);
      t.is(sites.length, 1);
      t.is(bytesOf(tally, sites), byteLength > 1 ? byteLength : bytesOf(tally, sites));
    });
  }
}

test('messages of UDP are told', async (t) => {
  const recorder = record(t);
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  socket.send(Buffer.alloc(3000), socket.address().port, '127.0.0.1');
  const [message] = await once(socket, 'message');
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'udp');
  t.is(bytesOf(tally, sites), message.length);
});

test('texts are nothing, and errors are the usual ones', (t) => {
  const recorder = record(t);
  t.is(crypto.createHash('sha1').digest('hex').length, 40);
  t.throws(() => crypto.randomBytes(-1), { code: 'ERR_OUT_OF_RANGE' });
  const tally = new Tally(recorder.take());
  t.deepEqual(
    tally.sites.filter(({ source }) => source === 'crypto'),
    [],
  );
});

test('what a cipher gives as a stream is told', async (t) => {
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
  test(`a file of ${size} bytes is counted once`, async (t) => {
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
    t.is(failed.code, process.platform === 'win32' ? 'ENOENT' : 'ENOTDIR');
    t.is((await fs.promises.readFile(file, 'utf8')).length, size);
  });
}
