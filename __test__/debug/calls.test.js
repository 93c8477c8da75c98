'use strict';
// tier: run-time, differs

// What refuses a dead Buffer is told by the call that a program made, also where one function of the guard stands for many of Node's.

const crypto = require('node:crypto');
const dgram = require('node:dgram');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const { PassThrough, Readable } = require('node:stream');
const zlib = require('node:zlib');
const test = require('ava').serial;
const { Arena } = require('../../lib/index.js');
const { watched } = require('../helpers/debug.js');

const nothing = () => {};

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

/** As it is told → how it is given the Buffer `dead`. */
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
