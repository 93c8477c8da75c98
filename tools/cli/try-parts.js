'use strict';

// What of ralloc/auto applies on this Node: a program that `ralloc doctor` runs, since it changes
// Node's functions. It begins the parts, tries each, and prints JSON: the name of a part → true, or
// why it does not apply. A part may begin and have no effect: another version of Node may do the
// same in another way.

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { setImmediate: turn } = require('node:timers/promises');
const zlib = require('node:zlib');
const { readers } = require('../../lib/auto/body-readers.js');
const { beginParts } = require('../../lib/auto/parts.js');
const { counts: fetched } = require('../../lib/auto/responses.js');
const counts = require('../../lib/memory/stream-counts.js');

const BYTES = Buffer.alloc(2 ** 20);
const MOST_MS = 10_000; // of a trial

/**
 * The function with which body-parser and others read a body, changed as lib/auto/bodies.js does.
 */
function parse(req, res) {
  const chunks = [];
  const onData = (chunk) => chunks.push(body.keep(chunk));
  const body = readers.body(req, onData);
  req.on('data', onData);
  body.begin();
  req.on('end', () => {
    body.concat(chunks);
    body.end();
    res.end(BYTES);
  });
}

/** Posts to a server that handles it by `handle`, and reads the answer. */
async function post(handle) {
  const server = http.createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  await (await fetch(url, { method: 'POST', body: BYTES })).arrayBuffer();
}

/** Streams of zlib, one after another while two others are open. */
async function compress() {
  [zlib.createGzip(), zlib.createGzip()].map((other) => other.write('text'));
  for (let n = 0; n < 2; n++) {
    const stream = zlib.createGzip();
    stream.resume().end('text');
    await once(stream, 'close');
    await turn();
  }
}

const readFile = () =>
  once(fs.createReadStream(process.execPath, { end: BYTES.length - 1 }).resume(), 'end');

/** Name of a part → what it uses of Node, what it does, and how often it had an effect. */
const TRIALS = {
  compressors: ['zlib.Gzip', compress, () => counts.compressors.reused],
  files: ['fs.ReadStream', readFile, () => counts.files.reads],
  streams: [
    'pipe() of node:http',
    () => post((req, res) => req.pipe(res)),
    () => counts.streams.chunks,
  ],
  bodies: ['node:http', () => post(parse), () => Math.min(readers.counts.bytes, fetched.bytes)],
};

let fail;
process.on('uncaughtException', (error) => fail(error));

/** Resolves with true, or why a part has no effect. */
async function tried([subject, act, effects]) {
  const failed = new Promise((_, reject) => {
    fail = reject;
    setTimeout(reject, MOST_MS, new Error('it does not end'));
  });
  try {
    await Promise.race([act(), failed]);
    return effects() > 0 || `${subject} changed`;
  } catch ({ message }) {
    return `${subject} changed: ${message}`;
  }
}

async function main() {
  const parts = beginParts([]);
  for (const [name, trial] of Object.entries(TRIALS))
    if (parts[name] === true) parts[name] = await tried(trial);
  fs.writeSync(1, JSON.stringify(parts));
  process.exit();
}

main();
