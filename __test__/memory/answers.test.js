'use strict';
// tier: run-time, differs

// What the socket of a client has read for an answer goes back when it was parsed, and all bytes are right: over connections that are kept, and
// over such as do what they should not.

const test = require('ava');
const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { Duplex } = require('node:stream');
const { sameBytes } = require('../helpers/bytes.js');
const { Arena, pump, stats } = require('../..');
const { releases } = require('../helpers/given-back.js');
const { bytes } = require('../helpers/keeper.js');
const { cert, got, key, listen, sinks } = require('../helpers/pumps.js');
const { gcAndTrim, until } = require('../helpers/until.js');

const SIZE = bytes.length;
const MiB = 1024 * 1024;

test.before(releases);

/** The answer of a client's request, while its first chunk is parsed: use(response) resolves to what this does. */
const ask = (options, use) =>
  new Promise((resolve, reject) => {
    const { request } = options.ca ? https : http;
    request(options, (response) => resolve(use(response)))
      .on('error', reject)
      .end();
  });

async function whole(source) {
  const arena = new Arena({ maxBytes: 16 * MiB });
  const copy = Buffer.from(await arena.collect(source, { limit: 8 * MiB }));
  arena.close();
  return copy;
}

async function hashed(source) {
  const hash = crypto.createHash('sha256');
  await pump(source, hash);
  return hash.digest('hex');
}

async function countsOf(work) {
  const before = structuredClone(stats().bodies);
  await work();
  const { released, left } = stats().bodies;
  return { released: released - before.released, shared: left.shared - before.left.shared };
}

const kinds = {
  http: async (t, answer) => {
    const to = await listen(t, http.createServer(answer));
    return { ...to, agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
  },
  https: async (t, answer) => {
    const to = await listen(t, https.createServer({ key, cert }, answer));
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    return { ...to, agent, ca: cert, servername: 'localhost' };
  },
};

for (const [name, make] of Object.entries(kinds)) {
  test.serial(`${name}: the chunks of a socket go back, one answer after another`, async (t) => {
    const to = await make(t, (_req, res) => res.end(bytes));
    const sockets = new Set();
    for (let i = 0; i < 6; i++) {
      const { released, shared } = await countsOf(() =>
        ask(to, async (response) => {
          sockets.add(response.socket);
          sameBytes(t, await whole(response), bytes);
        }),
      );
      // But for the first chunk of the connection, which is being parsed when the answer comes.
      t.true(released + shared > 1.9 * SIZE, `${released} ${shared}`);
      t.true(released + shared < 2.1 * SIZE, `${released} ${shared}`);
      if (name === 'http') t.true(released > 1.5 * SIZE, String(released));
    }
    t.is(sockets.size, 1);
    to.agent.destroy();
  });

  test.serial(`${name}: small answers, slow ones, and such as wait, by pump()`, async (t) => {
    const sizes = [1, 100, 20_000, 70_000, SIZE];
    const to = await make(t, (req, res) => {
      const size = Number(req.url.slice(1));
      res.write(bytes.subarray(0, size >> 1), () => res.end(bytes.subarray(size >> 1, size)));
    });
    for (let i = 0; i < 30; i++) {
      const size = sizes[i % sizes.length];
      const digest = crypto.createHash('sha256').update(bytes.subarray(0, size)).digest('hex');
      const sum = await ask({ ...to, path: `/${size}` }, async (response) => {
        if (i % 3 === 0) await until(() => response.readableLength > 0);
        return hashed(response);
      });
      t.is(sum, digest, String(size));
    }
    to.agent.destroy();
  });

  test.serial(`${name}: what waits in a socket stays as it is`, async (t) => {
    const dense = crypto.randomBytes(SIZE); // of the others gzip makes so little that it never waits
    const to = await make(t, (_req, res) => res.end(dense));
    for (let i = 0; i < 4; i++) {
      let go;
      const after = new Promise((resolve) => {
        go = resolve;
      });
      const sink = await sinks['zlib.Gzip'](t, { after });
      await ask(to, async (response) => {
        const { socket } = response;
        const pumped = pump(response, sink.stream);
        await until(() => sink.stream.writableNeedDrain && socket.readableLength > 0);
        go();
        return pumped;
      });
      t.true(await got(sink, dense));
    }
    to.agent.destroy();
  });
}

/** A server that writes `texts`, each when a request has come. */
async function saying(t, texts) {
  const server = net.createServer((socket) => {
    let at = 0;
    socket.on('data', () => socket.write(texts[at++] ?? ''));
    socket.on('error', () => {});
  });
  const to = await listen(t, server);
  return { ...to, agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
}

const answer = (body, head = '') =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\n${head}Content-Length: ${body.length}\r\n\r\n`),
    body,
  ]);

test.serial('informational answers before an answer', async (t) => {
  const early = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
  const texts = [0, 1, 2].map(() => Buffer.concat([early, early, answer(bytes)]));
  const to = await saying(t, texts);
  for (let i = 0; i < 3; i++) sameBytes(t, await ask(to, whole), bytes);
  to.agent.destroy();
});

test.serial('a second answer that nobody asked for', async (t) => {
  const body = bytes.subarray(0, 30_000);
  const to = await saying(t, [answer(bytes), Buffer.concat([answer(body), answer(body)])]);
  sameBytes(t, await ask(to, whole), bytes);
  const second = await ask(to, whole).catch(() => body);
  sameBytes(t, second, body, String(second.length));
  to.agent.destroy();
});

test.serial('a stream of the user below the answer', async (t) => {
  const given = answer(bytes);
  const copy = Buffer.from(given);
  const createConnection = () =>
    new Duplex({
      read() {},
      write(_chunk, _encoding, done) {
        this.push(given);
        done();
      },
    });
  sameBytes(t, await ask({ createConnection }, whole), bytes);
  sameBytes(t, given, copy);
});

test.serial('RSS stays where it is', async (t) => {
  const body = bytes.subarray(-MiB / 2);
  const to = await kinds.http(t, (_req, res) => res.end(body));
  const rss = [];
  for (let part = 0; part < 3; part++) {
    for (let i = 0; i < 150; i++) await ask(to, hashed);
    gcAndTrim();
    rss.push(Math.round(process.memoryUsage.rss() / MiB));
  }
  t.true(rss[2] - rss[1] <= 16, String(rss));
  to.agent.destroy();
});
