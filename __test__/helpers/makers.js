'use strict';

// Buffers of every kind that Node, its modules, three native addons (where they are) and ralloc make, also such as nobody may release:
// name → a function that gives one, or a promise of some.

const crypto = require('node:crypto');
const fs = require('node:fs');
const { Readable } = require('node:stream');
const { text } = require('node:stream/consumers');
const util = require('node:util');
const v8 = require('node:v8');
const vm = require('node:vm');
const { MessageChannel, Worker, markAsUntransferable } = require('node:worker_threads');
const zlib = require('node:zlib');
const { Arena, Slab } = require('../..');
const { sharp, snappy, sodium } = require('./addons.js');
const { certificate } = require('./certificate.js');
const { producers } = require('./producers.js');

const KiB = 1024;
const file = require.resolve('../../package-lock.json');
const bytes = crypto.randomBytes(100 * KiB);
const arena = new Arena();
const slab = new Slab({ sizes: [4 * KiB], count: 256 });
const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = crypto.createSecretKey(bytes.subarray(0, 32));
const { cert } = certificate();
const blob = new Blob([bytes]);

const once = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));

function received() {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(bytes.subarray(0, 5000));
  return once(port2, 'message').finally(() => port2.close());
}

async function ofWorker() {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const bytes = new Uint8Array(50_000).fill(7);
     parentPort.postMessage(bytes, [bytes.buffer]);`,
    { eval: true },
  );
  const message = await once(worker, 'message');
  await worker.terminate();
  return message;
}

function untransferable() {
  const view = new Uint8Array(1000).fill(3);
  markAsUntransferable(view.buffer);
  return view;
}

async function byteStream() {
  const stream = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      controller.enqueue(new Uint8Array(3000).fill(5));
      controller.close();
    },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const { 'output of `sharp`': bySharp, ...byNode } = producers;

const ofNode = {
  ...byNode,
  'Buffer.from of text': () => Buffer.from('text '.repeat(5000)),
  'Buffer.from of a Buffer': () => Buffer.from(bytes),
  'Buffer.concat': () => Buffer.concat([bytes, bytes]),
  'Buffer.copyBytesFrom': () => Buffer.copyBytesFrom(bytes),
  'a subarray': () => Buffer.from(new ArrayBuffer(9000)).subarray(1000, 5000),
  'a slice of an ArrayBuffer': () => new Uint8Array(bytes.buffer.slice(0, 9000)),
  'a typed array': () => new Float64Array(1000).fill(1.5),
  'TextEncoder.encode': () => new TextEncoder().encode('text '.repeat(5000)),
  structuredClone: () => structuredClone(new Uint8Array(9000)),
  'another realm': () => vm.runInNewContext('new Uint8Array(9000).fill(9)'),
  'a message': received,
  'a message of a worker': ofWorker,
  'v8.serialize': () => v8.serialize({ bytes, list: [1, 2, 3] }),
  'v8.deserialize': () => v8.deserialize(v8.serialize({ bytes })).bytes,
  SharedArrayBuffer: () => new Uint8Array(new SharedArrayBuffer(5000)),
  'a resizable ArrayBuffer': () => new Uint8Array(new ArrayBuffer(500, { maxByteLength: 5000 })),
  'memory of WebAssembly': () => new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer),
  untransferable,
  'a byte stream': byteStream,
  'Blob.arrayBuffer': async () => new Uint8Array(await blob.arrayBuffer()),
  'Response.arrayBuffer': async () => new Uint8Array(await new Response(bytes).arrayBuffer()),
  'a cipher': () => crypto.createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(bytes),
  'crypto.scryptSync': () => crypto.scryptSync('password', 'salt', 64, { N: 16 }),
  'crypto.hkdfSync': () => new Uint8Array(crypto.hkdfSync('sha256', key, 'salt', 'info', 300)),
  'crypto.sign': () => crypto.sign('sha256', bytes, privateKey),
  'KeyObject.export': () => publicKey.export({ type: 'spki', format: 'der' }),
  'a secret key`s export': () => key.export(),
  // Of the same object it is the same Buffer on Node 20 and 22.
  'X509Certificate.raw': () => new crypto.X509Certificate(cert).raw,
  'subtle.digest': async () => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
  'subtle.encrypt': async () => {
    const web = await crypto.subtle.importKey('raw', bytes.subarray(0, 32), 'AES-CTR', false, [
      'encrypt',
    ]);
    const counter = new Uint8Array(16);
    return new Uint8Array(
      await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, web, bytes),
    );
  },
  'zlib.deflateRawSync': () => zlib.deflateRawSync(bytes),
  'zlib.brotliCompressSync': () =>
    zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  'zlib.gzip': () => util.promisify(zlib.gzip)(bytes, { level: 1 }),
  'fs.promises.readFile': () => fs.promises.readFile(file),
  'a FileHandle': async () => {
    const handle = await fs.promises.open(file);
    const { buffer } = await handle.read();
    await handle.close();
    return buffer;
  },
  'fs.realpathSync.native': () => fs.realpathSync.native(file, { encoding: 'buffer' }),
  'fs.readdirSync': () => fs.readdirSync('/', { encoding: 'buffer' }),
  'a Readable of text': () => Readable.from(['some ', 'text'], { objectMode: false }).toArray(),
  'a Readable`s text': async () => Buffer.from(await text(Readable.from([bytes]))),
};

const ofSharp = sharp && {
  'output of `sharp`': bySharp,
  'sharp, raw': () =>
    sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } })
      .raw()
      .toBuffer(),
  'sharp, png': () =>
    sharp({ create: { width: 32, height: 32, channels: 3, background: 'blue' } })
      .png()
      .toBuffer(),
};

const ofSnappy = snappy && {
  'snappy.compress': () => snappy.compress(bytes),
  'snappy.uncompress': async () =>
    snappy.uncompress(await snappy.compress(bytes), { asBuffer: true }),
  'snappy.compressSync': () => snappy.compressSync(bytes),
};

const ofSodium = sodium && {
  sodium_malloc: () => sodium.sodium_malloc(4000),
  'sodium-native, filled': () => {
    const buffer = Buffer.alloc(5000);
    sodium.randombytes_buf(buffer);
    return buffer;
  },
};

const ofRalloc = {
  'an arena': () => arena.from(bytes.subarray(0, 4000)),
  'a slab': () => slab.alloc(4000),
};

module.exports = { makers: { ...ofNode, ...ofSharp, ...ofSnappy, ...ofSodium, ...ofRalloc } };
