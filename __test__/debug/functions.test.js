'use strict';
// tier: run-time, differs by Node

// The functions of Node that tell of a dead Buffer which they are given, each called once; with a Buffer that lives they tell nothing.

const buffer = require('node:buffer');
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const { PassThrough, Readable } = require('node:stream');
const { StringDecoder } = require('node:string_decoder');
const util = require('node:util');
const v8 = require('node:v8');
const { BroadcastChannel, MessageChannel, Worker } = require('node:worker_threads');
const zlib = require('node:zlib');
const test = require('ava').serial;
const { Arena } = require('../../lib/index.js');
const { watched } = require('../helpers/debug.js');

const key = Buffer.alloc(32, 1);
const block = Buffer.alloc(16, 2);
const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const nothing = () => {};
const fd = fs.openSync(os.devNull, 'r+');
const cipher = () => crypto.createCipheriv('aes-256-ctr', key, block);
const gcm = (create) => create('aes-256-gcm', key, block);
const { port1, port2 } = new MessageChannel();
const channel = new BroadcastChannel('of dead Buffers');
const worker = new Worker('', { eval: true }); // whether it still hears of it or not
test.after.always(() => {
  for (const one of [port1, port2, channel]) one.close();
  fs.closeSync(fd);
  return worker.terminate();
});

const { subtle } = crypto;
const { inspect } = util; // as a logger takes it before debug mode is on
const aes = { name: 'AES-CTR', counter: block, length: 64 };

const ofZlib = Object.fromEntries(
  Object.keys(zlib)
    .filter((name) => name.endsWith('Sync') || name === 'crc32')
    .map((name) => [`zlib.${name}`, (one) => zlib[name](one)]),
);

/** As it is told → how it is given the Buffer `one`. */
const functions = {
  'Buffer.compare': (one) => Buffer.compare(block, one),
  'Buffer.byteLength': (one) => Buffer.byteLength(one),
  'Buffer.copyBytesFrom': (one) => Buffer.copyBytesFrom(one),
  'Buffer.from': (one) => Buffer.from(one),
  'Buffer.concat': (one) => Buffer.concat([block, one], 20),
  'buffer.copy': (one) => block.copy(one),
  'buffer.equals': (one) => block.equals(one),
  'buffer.compare': (one) => block.compare(one),
  'buffer.fill': (one) => Buffer.alloc(4).fill(one),
  'buffer.indexOf': (one) => block.indexOf(one),
  'buffer.lastIndexOf': (one) => block.lastIndexOf(one),
  'buffer.includes': (one) => block.includes(one),
  'buffer.set': (one) => Buffer.alloc(100).set(one),
  'buffer.isUtf8': (one) => buffer.isUtf8(one),
  'buffer.isAscii': (one) => buffer.isAscii(one),
  'buffer.transcode': (one) => buffer.transcode(one, 'latin1', 'utf8'),
  'fs.writeSync': (one) => fs.writeSync(fd, one),
  'fs.readSync': (one) => fs.readSync(fd, one),
  'fs.writevSync': (one) => fs.writevSync(fd, [block, one]),
  'fs.readvSync': (one) => fs.readvSync(fd, [one]),
  'fs.writeFileSync': (one) => fs.writeFileSync(fd, one),
  'fs.appendFileSync': (one) => fs.appendFileSync(os.devNull, one),
  'crypto.timingSafeEqual': (one) => crypto.timingSafeEqual(one, block),
  'crypto.randomFillSync': (one) => crypto.randomFillSync(one),
  'crypto.createHmac': (one) => crypto.createHmac('sha256', one),
  'crypto.hash': crypto.hash && ((one) => crypto.hash('sha256', one)),
  'crypto.createSecretKey': (one) => crypto.createSecretKey(one),
  'crypto.createCipheriv': (one) => crypto.createCipheriv('aes-256-ctr', one, block),
  'crypto.createDecipheriv': (one) => crypto.createDecipheriv('aes-256-ctr', one, block),
  'crypto.pbkdf2': (one) => crypto.pbkdf2(one, block, 1, 8, 'sha256', nothing),
  'crypto.pbkdf2Sync': (one) => crypto.pbkdf2Sync(one, block, 1, 8, 'sha256'),
  'crypto.scrypt': (one) => crypto.scrypt(one, block, 8, { N: 2 }, nothing),
  'crypto.scryptSync': (one) => crypto.scryptSync(one, block, 8, { N: 2 }),
  'crypto.hkdf': (one) => crypto.hkdf('sha256', key, one, '', 8, nothing),
  'crypto.hkdfSync': (one) => crypto.hkdfSync('sha256', key, one, '', 8),
  'crypto.checkPrime': (one) => crypto.checkPrime(one, nothing),
  'crypto.checkPrimeSync': (one) => crypto.checkPrimeSync(one),
  'crypto.createPrivateKey': (one) => crypto.createPrivateKey(one),
  'crypto.createPublicKey': (one) => crypto.createPublicKey(one),
  'crypto.getRandomValues': (one) => crypto.getRandomValues(one),
  'crypto.publicEncrypt': (one) => crypto.publicEncrypt(pair.publicKey, one),
  'crypto.publicDecrypt': (one) => crypto.publicDecrypt(pair.publicKey, one),
  'crypto.privateEncrypt': (one) => crypto.privateEncrypt(pair.privateKey, one),
  'crypto.privateDecrypt': (one) => crypto.privateDecrypt(pair.privateKey, one),
  'crypto.sign': (one) => crypto.sign('sha256', one, pair.privateKey),
  'crypto.verify': (one) => crypto.verify('sha256', one, pair.publicKey, block),
  'hash.update': (one) => crypto.createHash('sha256').update(one),
  'hmac.update': (one) => crypto.createHmac('sha256', key).update(one),
  'sign.update': (one) => crypto.createSign('sha256').update(one),
  'verify.update': (one) => crypto.createVerify('sha256').update(one),
  'verify.verify': (one) => crypto.createVerify('sha256').verify(pair.publicKey, one),
  'cipher.setAAD': (one) => gcm(crypto.createCipheriv).setAAD(one),
  'decipher.setAAD': (one) => gcm(crypto.createDecipheriv).setAAD(one),
  'decipher.setAuthTag': (one) => gcm(crypto.createDecipheriv).setAuthTag(one),
  'cipher.update': (one) => cipher().update(one),
  'decipher.update': (one) => crypto.createDecipheriv('aes-256-ctr', key, block).update(one),
  'subtle.digest': (one) => subtle.digest('SHA-256', one),
  'subtle.encrypt': (one) => subtle.encrypt(aes, {}, one),
  'subtle.decrypt': (one) => subtle.decrypt(aes, {}, one),
  'subtle.sign': (one) => subtle.sign('HMAC', {}, one),
  'subtle.verify': (one) => subtle.verify('HMAC', {}, block, one),
  'subtle.importKey': (one) => subtle.importKey('raw', one, 'AES-CTR', true, ['encrypt']),
  ...ofZlib,
  'child_process.execFileSync': (input) => childProcess.execFileSync('cat', { input }),
  'child_process.execSync': (input) => childProcess.execSync('cat', { input }),
  'child_process.spawnSync': (input) => childProcess.spawnSync('cat', ['-'], { input }),
  'util.isDeepStrictEqual': (one) => util.isDeepStrictEqual(block, one),
  'util.inspect': (one) => inspect({ list: [one] }),
  'v8.serialize': (one) => v8.serialize(one),
  'v8.deserialize': (one) => v8.deserialize(one),
  'encoder.encodeInto': (one) => new util.TextEncoder().encodeInto('abc', one),
  'buffer.toString': (one) => Buffer.prototype.toString.call(one),
  'buffer.toJSON': (one) => Buffer.prototype.toJSON.call(one),
  'buffer.write': (one) => Buffer.prototype.write.call(one, 'abc'),
  'decoder.write': (one) => new StringDecoder('utf8').write(one),
  'decoder.end': (one) => new StringDecoder('utf8').end(one),
  'decoder.decode': (one) => new util.TextDecoder().decode(one),
  'port.postMessage': (one) => port1.postMessage(one),
  'worker.postMessage': (one) => worker.postMessage(one),
  'channel.postMessage': (one) => channel.postMessage(one),
  structuredClone: (one) => structuredClone(one),
};

const SHARING = /postMessage|structuredClone/; // tell of one that lives too: debug/freed

/** Whatever comes of it: many throw, or their promise is rejected. */
async function attempt(call, one) {
  try {
    await call(one);
  } catch {}
}

for (const [use, call] of Object.entries(functions)) {
  if (call === undefined) continue; // not on this Node
  test(`${use}() tells of a dead Buffer`, async (t) => {
    const reports = watched(t);
    const arena = new Arena();
    const [living, dead] = [new Arena().alloc(32), arena.alloc(32)];
    if (!SHARING.test(use)) await attempt(call, living);
    t.deepEqual(reports, []);
    arena.close();
    await attempt(call, dead);
    t.deepEqual(
      reports.map(({ kind, use: told }) => [kind, told]),
      [['use-after-reset', `${use}()`]],
    );
    t.true(living.length === 32);
  });
}

test('what console.log() shows of a dead Buffer is told as a use of util.inspect()', (t) => {
  const reports = watched(t);
  const arena = new Arena();
  const frame = arena.from('a frame');
  const stream = new PassThrough({ encoding: 'utf8' });
  const log = new console.Console(stream);
  log.log(frame);
  t.deepEqual(reports, []);
  arena.close();
  log.log('%s shown', 'frame', { frame });
  t.true(stream.read().endsWith('frame shown { frame: <Buffer > }\n'));
  t.deepEqual(
    reports.map(({ use }) => use),
    ['util.inspect()'],
  );
});

/** With a socket, a request or a file that is over at once. */
function closing(thing, call) {
  thing.on?.('error', nothing);
  try {
    return call(thing);
  } finally {
    (thing.destroy ?? thing.close).call(thing);
  }
}

async function inFile(dead) {
  const handle = await fs.promises.open(os.devNull, 'w');
  try {
    await handle.write(dead);
  } finally {
    await handle.close();
  }
}

const request = () => http.request({ port: 1, method: 'PUT', path: '/up?key=secret' });

/** What refuses a dead Buffer, as it is told: by the call that a program made, also where one function of the guard stands for many of Node's. */
const calls = {
  'fs.write()': (dead) => fs.write(1, dead, nothing),
  'fs.read()': (dead) => fs.read(0, dead, 0, 1, null, nothing),
  'fs.writeFile()': (dead) => fs.promises.writeFile(os.devNull, dead),
  'FileHandle.write()': inFile,
  'crypto.randomFill()': (dead) => crypto.randomFill(dead, nothing),
  'Socket.send()': (dead) => closing(dgram.createSocket('udp4'), (one) => one.send(dead, 9)),
  'req.write() of the request PUT /up': (dead) => closing(request(), (one) => one.write(dead)),
  'req.end() of the request PUT /up': (dead) => closing(request(), (one) => one.end(dead)),
  'PassThrough.write()': (dead) => closing(new PassThrough(), (one) => one.write(dead)),
  'Gzip.write()': (dead) => closing(zlib.createGzip(), (one) => one.write(dead)),
  'Gzip.end()': (dead) => closing(zlib.createGzip(), (one) => one.end(dead)),
  'Readable.push()': (dead) => closing(new Readable({ read() {} }), (one) => one.push(dead)),
  'WritableStreamDefaultWriter.write()': (dead) => new WritableStream().getWriter().write(dead),
  'a message or an agent of http': (ca) => https.get({ port: 1, agent: new https.Agent({ ca }) }),
};

for (const [use, call] of Object.entries(calls)) {
  test(use, async (t) => {
    const reports = watched(t);
    const arena = new Arena({ guard: true });
    const dead = arena.from('x');
    arena.close();
    try {
      await call(dead);
    } catch {} // most refuse it
    t.deepEqual(
      reports.map(({ kind, use: told }) => [kind, told]),
      [['use-after-reset', use]],
    );
  });
}
