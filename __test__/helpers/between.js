'use strict';

// What servers with middlewares of others between theirs and ralloc's have to do, whatever the framework: answers that are whole,
// bodies that come back, clients that go away in the midst. Each server has the same routes:
//
// GET /parts    three Buffers of the arena, one after another     GET /whole    one Buffer of the arena
// GET /begun    two Buffers, and no end                           POST /echo    the body, through the arena

const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const zlib = require('node:zlib');
const { sameBytes } = require('./bytes.js');
const { Client } = require('./client.js');
const { assertSettled } = require('./server.js');
const { until, untilCollected } = require('./until.js');

/** Bytes that no compressor makes smaller, nor takes for what is compressed already: to some, one in a thousand looks so. */
function incompressible(size) {
  const bytes = randomBytes(size);
  bytes[0] = 0;
  return bytes;
}

/** The Buffers that handlers made, with what each must show for as long as it shows anything. */
class Kept {
  #pairs = [];

  of(arena, size) {
    return this.add(arena.from(incompressible(size)));
  }

  add(buffer) {
    this.#pairs.push([buffer, Buffer.from(buffer)]);
    return buffer;
  }

  /** The bytes of the latest `count`. */
  latest(count = 1) {
    return Buffer.concat(this.#pairs.slice(-count).map(([, bytes]) => bytes));
  }

  get size() {
    return this.#pairs.length;
  }

  get alive() {
    return this.#pairs.filter(([buffer]) => buffer.length > 0).length;
  }

  get areIntact() {
    return this.#pairs.every(([buffer, bytes]) => buffer.length === 0 || buffer.equals(bytes));
  }

  forget() {
    this.#pairs = [];
  }
}

const unpack = ({ headers, body }) =>
  headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body;

const HEADERS = { 'Accept-Encoding': 'gzip', Origin: 'http://other.test' };
const BODY = { 'Content-Type': 'application/octet-stream' };

async function visitAnswered(t, { port, kept }, encoding) {
  const client = await Client.connect(port);
  for (const [path, count] of [
    ['/parts', 3],
    ['/whole', 1],
    ['/parts', 3],
    ['/whole', 1],
  ]) {
    const response = await client.get(path, { headers: HEADERS });
    t.is(response.status, 200, path);
    t.is(response.headers['content-encoding'], encoding, path);
    sameBytes(t, unpack(response), kept.latest(count), path);
  }
  const { status, body } = await client.get('/whole', { method: 'HEAD', headers: HEADERS });
  t.deepEqual([status, body.length], [200, 0]);
  const sent = incompressible(200_000);
  const headers = { ...HEADERS, ...BODY };
  const echoed = await client.get('/echo', { method: 'POST', headers, body: sent });
  t.is(echoed.status, 200);
  sameBytes(t, unpack(echoed), sent);
  await client.destroy();
  return 6;
}

/** Goes away within a response, and within a body. */
async function visitAborted(t, { port, kept, arenas }) {
  const before = kept.size;
  const reader = await Client.connect(port);
  reader.send('/begun', { headers: HEADERS });
  const [bytes] = await once(reader.socket, 'data');
  t.true(bytes.length > 0);
  t.is(kept.size, before + 2);
  await reader.reset();
  await until(() => arenas.stats().inFlight === 0);
  const { requests } = arenas.stats();
  const writer = await Client.connect(port);
  const headers = { ...HEADERS, ...BODY, 'Content-Length': 200_000 };
  writer.send('/echo', { method: 'POST', headers });
  writer.socket.write(randomBytes(70_000));
  return { writer, requests };
}

/**
 * Visits a server that has nothing in flight: each request ends once, what was sent is dead, and the memory of what was cut off comes
 * back. `beginsLate`: a middleware before ralloc's reads the body, so that one that is cut off begins no request here.
 */
async function visit(t, server, { encoding, beginsLate = false } = {}) {
  const { arenas, kept } = server;
  const finished = await visitAnswered(t, server, encoding);
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().finished, finished);
  t.is(arenas.stats().memory.quarantined, 0);
  t.is(kept.alive, 0);
  const { writer, requests } = await visitAborted(t, server);
  if (!beginsLate) await until(() => arenas.stats().requests === requests + 1);
  await writer.reset();
  await until(() => arenas.stats().inFlight === 0);
  t.true(kept.areIntact, 'sameBytes: what is not dead has its own');
  t.deepEqual([arenas.stats().finished, arenas.stats().heapRequests], [finished, 0]);
  t.is(arenas.stats().aborted, beginsLate ? 1 : 2);
  assertSettled(t, arenas);
  kept.forget();
  await untilCollected(() => arenas.stats().memory.quarantined === 0);
}

/** A body of multipart/form-data with one file, for a client that speaks HTTP by hand. */
function multipart(file) {
  const mark = 'a-boundary-of-this-test';
  const head = `--${mark}\r\nContent-Disposition: form-data; name="file"; filename="file.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return {
    headers: { 'Content-Type': `multipart/form-data; boundary=${mark}` },
    body: Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${mark}--\r\n`)]),
  };
}

module.exports = { Kept, multipart, unpack, visit };
