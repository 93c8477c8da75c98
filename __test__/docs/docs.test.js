'use strict';

// Every `js` block of the documents below is run as it stands. Servers are asked, files read, and what a
// console.log() shows as a comment is what it prints.

const test = require('ava');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const express = require('express');
const { Arena } = require('../..');
const { programs, runProgram } = require('../helpers/snippets.js');
const { until } = require('../helpers/until.js');

/** Serves an application, or a server, until the test is over. */
async function serve(t, app) {
  const server =
    app instanceof http.Server || typeof app.setTimeout === 'function'
      ? app
      : http.createServer(app);
  if (!server.listening) server.listen(0, '127.0.0.1');
  if (server.address() === null) await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream' },
  });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

const get = async (url) => (await fetch(url)).text();

/** Nothing in flight, and every request's memory released. */
async function settled(t, arenas) {
  await until(() => arenas.stats().inFlight === 0);
  t.is(arenas.stats().memory.leased, 0);
  t.is(arenas.stats().heapRequests, 0);
}

/** A response of a frame: four or eight bytes of its length, then itself. */
function isFrame(t, { status, bytes }, body, head) {
  t.is(status, 200);
  t.is(bytes.readUInt32BE(0), body.length);
  t.is(bytes.subarray(head).toString(), body);
}

/** What a server of frames answers on a connection of its own, to messages that come one by one and at once. */
async function framesOf(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const socket = net.connect(server.address().port, '127.0.0.1');
  let received = Buffer.alloc(0);
  socket.on('data', (part) => {
    received = Buffer.concat([received, part]);
  });
  const messages = ['first', 'second', 'x'.repeat(100_000)];
  const total = messages.reduce((sum, message) => sum + message.length, 0);
  for (const message of messages) socket.write(message);
  // TCP may join messages or cut them; heads tell how.
  const bodies = () => {
    const found = [];
    for (let at = 0; at + 4 <= received.length; at += 4 + received.readUInt32BE(at)) {
      found.push(received.subarray(at + 4, at + 4 + received.readUInt32BE(at)));
    }
    return Buffer.concat(found).toString();
  };
  await until(() => bodies().length === total);
  socket.end();
  await once(socket, 'close');
  return bodies() === messages.join('');
}

/**
 * What a program needs that it does not declare, the names that are looked at afterwards, and how. By document
 * and heading; a program that is not here is run all the same.
 */
const checks = {
  'docs/guide.md': {
    Express: {
      names: ['app', 'arenas'],
      async check(t, { app, arenas }) {
        const url = await serve(t, app);
        isFrame(t, await post(`${url}/frame`, 'some bytes'), 'some bytes', 8);
        t.is((await post(`${url}/sum`, '\x01\x02\x03')).bytes.toString(), '6');
        await settled(t, arenas);
      },
    },
    'node:http': {
      names: ['server', 'arenas'],
      async check(t, { server, arenas }) {
        t.is(await get(`${await serve(t, server)}/path`), 'you asked for /path');
        await settled(t, arenas);
      },
    },
    'HTTP/2': {
      names: ['server', 'arenas'],
      async check(t, { server, arenas }) {
        const session = http2.connect(await serve(t, server));
        const parts = await session.request({ ':path': '/' }).toArray();
        t.is(Buffer.concat(parts).toString(), 'a stream of its own');
        session.close();
        await settled(t, arenas);
      },
    },
    'Long responses': {
      names: ['server', 'arenas'],
      async check(t, { server, arenas }) {
        const text = await get(await serve(t, server));
        t.is(text.trimEnd().split('\n').length, 100);
        t.true(text.length > 100 * 100_000);
        t.true(arenas.stats().memory.peak < 2 * 1024 * 1024, 'of the ten million bytes');
        await settled(t, arenas);
      },
    },
    'AsyncLocalStorage: current()': {
      names: ['app', 'arenas', 'encode'],
      async check(t, { app, arenas, encode }) {
        t.is(await get(await serve(t, app)), 'from deep inside');
        t.is(encode('outside').toString(), 'outside');
        t.is((await post(`${await serve(t, app)}/length`, 'seven b')).bytes.toString(), '7');
        await settled(t, arenas);
      },
    },
    'A production server': {
      names: ['server', 'arenas', 'shutDown'],
      given: {
        process: Object.assign(Object.create(process), { env: { PORT: '0' }, once() {}, on() {} }),
      },
      async check(t, { server, arenas, shutDown }) {
        const url = await serve(t, server);
        isFrame(t, await post(`${url}/batch`, 'some bytes'), 'some bytes', 4);
        t.is(await get(`${url}/health`), 'ok');
        const metrics = await get(`${url}/metrics`);
        t.regex(metrics, /^ralloc_requests 1$/m);
        t.regex(metrics, /^ralloc_limit 268435456$/m);
        t.is((await post(`${url}/batch`, Buffer.alloc(5 << 20))).status, 413);
        const chunked = await fetch(`${url}/batch`, {
          method: 'POST',
          duplex: 'half',
          body: new Blob(['x']).stream(),
        });
        t.is(chunked.status, 400);
        await settled(t, arenas);
        await shutDown();
        t.is(arenas.stats().memory.used, arenas.stats().memory.limbo);
      },
    },
    'Worker threads': {
      names: ['ask'],
      async check(t, { ask }) {
        const { backend, reply } = await ask('a message');
        t.is(backend, 'js');
        t.is(reply.buffer.byteLength, 9, 'of the reply and nothing else');
        t.is(Buffer.from(reply).toString(), 'A MESSAGE');
      },
    },
  },
  'docs/migration.md': {
    'Free lists by size': {
      names: ['before', 'after', 'arenas'],
      async check(t, { before, after, arenas }) {
        t.is(await get(await serve(t, before)), 'hello');
        t.is(await get(await serve(t, after)), 'hello');
        await settled(t, arenas);
      },
    },
    'A scratch Buffer for each connection': {
      names: ['echoBefore', 'echoAfter'],
      async check(t, { echoBefore, echoAfter }) {
        t.true(await framesOf(t, echoBefore));
        t.true(await framesOf(t, echoAfter));
      },
    },
  },
  'docs/slab.md': {
    'Sharing between workers': {
      names: ['shouted', 'frames'],
      async check(t, { shouted, frames }) {
        t.is(await shouted, 'HELLO');
        t.is(frames.stats().held, 0);
        frames.close();
      },
    },
    'Freeing automatically': {
      names: ['later'],
      check: async (t, { later }) => t.is(await later, 8),
    },
    'Operations in flight': {
      names: ['log'],
      async check(t, { log }) {
        t.is(await new Promise((resolve) => log('', resolve)), null);
      },
    },
  },
  'docs/when-not-to-use.md': {},
  'docs/safety.md': {
    'The guard': { given: { app: express(), fs } },
  },
  'docs/errors.md': {
    'Errors and warnings': { given: { arena: new Arena(), size: 10, buffer: null } },
    Warnings: { given: { log() {} } },
  },
  'README.md': {
    Express: {
      names: ['app', 'frame', 'text'],
      async check(t, { app, frame, text }) {
        isFrame(t, await post(`${await serve(t, app)}/frame`, 'some bytes'), 'some bytes', 8);
        t.is(frame.length, 0);
        t.is(text, 'bytes until the next reset'.repeat(2));
      },
    },
  },
};
const documents = Object.keys(checks);

for (const document of documents) {
  const shown = programs(document);
  const known = checks[document];

  test(`${document}: every check is of a program that is there`, (t) => {
    const headings = shown.map(({ heading }) => heading);
    t.is(new Set(headings).size, headings.length);
    t.deepEqual(
      Object.keys(known).filter((heading) => !headings.includes(heading)),
      [],
    );
  });

  for (const program of shown) {
    test(`${document}: "${program.heading}" does what it says`, async (t) => {
      const { given, names, check } = known[program.heading] ?? {};
      const result = await runProgram(t, program, { given, names });
      t.deepEqual(result.printed, program.printed);
      await check?.(t, result);
    });
  }
}
