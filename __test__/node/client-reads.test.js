'use strict';
// tier: run-time, differs by Node

// What the socket of a client has read for an answer goes back when it was parsed, and all bytes are right: over connections that are kept, and
// over such as do what they should not.

const test = require('ava');
const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { Duplex } = require('node:stream');
const { once } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { sameBytes } = require('../helpers/bytes.js');
const { Arena, pump, stats } = require('../..');
const { releases } = require('../helpers/given-back.js');
const { Keeper, ofSource, PIECE, piecesOf, releasedBy, tap } = require('../helpers/keeper.js');
const { cert, got, key, listen, sinks } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');

const bytes = piecesOf(40);
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
    for (let i = 0; i < 4; i++) {
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
    for (let i = 0; i < 15; i++) {
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
    for (let i = 0; i < 2; i++) {
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

const answer = (body) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);

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

// Who may have a chunk that a client's socket has read keeps its bytes: listeners and methods of the socket, the head of an upgrade, and
// the packet of a parser's error.

const capturing = {
  ...ofSource,
  'a listener that comes with another': (socket, keeper) => {
    socket.once('newListener', () => socket.on('data', (chunk) => keeper.keep(chunk)));
    socket.on('drain', () => {});
  },
  'a function of the handle': ({ _handle: handle }, keeper) => {
    const { onread } = handle;
    handle.onread = function (ab) {
      if (ab !== undefined) keeper.keep(Buffer.from(ab));
      return onread.call(this, ab);
    };
  },
  'a method execute() of the parser': ({ parser }, keeper) => {
    tap(parser, 'execute', keeper);
    return () => delete parser.execute;
  },
};

/** A server that sends an answer in two parts: the second when it is told. */
async function halved(t) {
  let go;
  const server = http.createServer((req, res) => {
    res.setHeader('Content-Length', SIZE);
    if (req.url === '/whole') return res.end(bytes);
    res.write(bytes.subarray(0, 3 * PIECE));
    go = () => res.end(bytes.subarray(3 * PIECE));
    return undefined;
  });
  const to = await listen(t, server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  return [{ ...to, agent }, () => go()];
}

async function heard(options, use) {
  const [response] = await once(http.get(options).on('response', use), 'response');
  return response;
}

for (const [name, capture] of Object.entries(capturing)) {
  test.serial(`at the socket of an answer, before: ${name}`, async (t) => {
    const keeper = new Keeper();
    const [to, go] = await halved(t);
    let undo;
    let read;
    const released = await releasedBy(async () => {
      await heard(to, (response) => {
        undo = capture(response.socket, keeper);
        read = whole(response);
      });
      go();
      sameBytes(t, await read, bytes);
    });
    if (typeof undo === 'function') undo();
    if (!name.includes('when one counts')) t.true(released <= SIZE, String(released));
    keeper.check(t);
  });

  test.serial(`at the socket of an answer, meanwhile: ${name}`, async (t) => {
    const keeper = new Keeper();
    const [to, go] = await halved(t);
    await heard({ ...to, path: '/whole' }, (response) => response.resume()).then((response) =>
      once(response, 'end'),
    );
    let read;
    const { socket } = await heard(to, (response) => {
      read = whole(response);
    });
    const { bytesRead } = socket;
    await until(() => socket.bytesRead >= bytesRead && socket.bytesRead % SIZE >= 3 * PIECE);
    await turn();
    const undo = capture(socket, keeper);
    go();
    sameBytes(t, await read, bytes);
    if (typeof undo === 'function') undo();
    keeper.check(t);
  });
}

const head = bytes.subarray(0, 40_000);
/** A connection on which one answer was read; the server says `text` to what is asked then. */
async function second(t, text, options, event) {
  const to = await saying(t, [answer(bytes), text]);
  t.teardown(() => to.agent.destroy());
  let read;
  const first = await heard(to, (response) => {
    read = whole(response);
  });
  sameBytes(t, await read, bytes);
  const request = http.request({ ...to, ...options });
  request.on('response', (response) => whole(response).catch(() => {}));
  if (event !== 'error') request.on('error', () => {});
  const [socket] = await once(request.end(), 'socket');
  t.is(socket, first.socket ?? socket);
  return once(request, event);
}

/** What was freed would be somebody else's by now. */
async function churn() {
  for (let i = 0; i < 200; i++) {
    Buffer.allocUnsafeSlow(1000 + i * 400).fill(0xff);
    if (i % 20 === 0) await turn();
  }
}

for (const [event, method, status] of [
  ['upgrade', 'GET', '101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: a'],
  ['connect', 'CONNECT', '200 OK'],
]) {
  test.serial(`the head of '${event}' stays`, async (t) => {
    const text = Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n\r\n`), head]);
    const options = { method, headers: { Connection: 'Upgrade', Upgrade: 'a' } };
    if (method === 'CONNECT') Object.assign(options, { path: 'a:1', headers: {} });
    const [, socket, kept] = await second(t, text, options, event);
    const expected = bytes.subarray(0, kept.length);
    t.true(kept.length > 0);
    await churn();
    sameBytes(t, kept, expected);
    socket.destroy();
  });
}

const bad = {
  'after an answer': Buffer.concat([answer(head), Buffer.from('what is this?')]),
  'within an answer': Buffer.concat([
    Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n'),
    bytes.subarray(0, 256),
    Buffer.from('\r\nnot a number\r\n'),
    head,
  ]),
};

for (const [name, text] of Object.entries(bad)) {
  test.serial(`the packet of a parser's error stays: ${name}`, async (t) => {
    const [{ rawPacket }] = await second(t, text, {}, 'error');
    const copy = Buffer.from(rawPacket);
    t.true(copy.length > 0);
    await churn();
    sameBytes(t, rawPacket, copy);
    t.true(text.includes(rawPacket));
  });
}
