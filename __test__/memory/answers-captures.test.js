'use strict';
// tier: run-time, differs

// Who may have a chunk that a client's socket has read keeps its bytes: listeners and methods of the socket, the head of an upgrade, and
// the packet of a parser's error.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Writable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const { sameBytes } = require('../helpers/bytes.js');
const { Arena } = require('../..');
const { releases } = require('../helpers/given-back.js');
const { Keeper, PIECE, bytes, releasedBy, tap } = require('../helpers/keeper.js');
const { listen } = require('../helpers/pumps.js');
const { until } = require('../helpers/until.js');

const SIZE = bytes.length;

test.before(releases);

async function whole(source) {
  const arena = new Arena({ maxBytes: 2 ** 24 });
  const copy = Buffer.from(await arena.collect(source, { limit: 2 ** 23 }));
  arena.close();
  return copy;
}

const capturing = {
  'a listener of data': (socket, keeper) => socket.on('data', (chunk) => keeper.keep(chunk)),
  'a listener of data that is gone when one counts': (socket, keeper) =>
    socket.prependOnceListener('data', (chunk) => keeper.keep(chunk)),
  'a listener that comes with another': (socket, keeper) => {
    socket.once('newListener', () => socket.on('data', (chunk) => keeper.keep(chunk)));
    socket.on('drain', () => {});
  },
  'a pipe': (socket, keeper) =>
    socket.pipe(
      new Writable({
        write(chunk, _encoding, done) {
          keeper.keep(chunk);
          done();
        },
      }),
    ),
  'a method emit()': (socket, keeper) => tap(socket, 'emit', keeper),
  'a method push()': (socket, keeper) => tap(socket, 'push', keeper),
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

async function ask(options, use) {
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
      await ask(to, (response) => {
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
    await ask({ ...to, path: '/whole' }, (response) => response.resume()).then((response) =>
      once(response, 'end'),
    );
    let read;
    const { socket } = await ask(to, (response) => {
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
const answer = (body) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);

/** A connection on which one answer was read; the server says `text` to what is asked then. */
async function second(t, text, options, event) {
  const texts = [answer(bytes), text];
  const server = net.createServer((socket) => {
    socket.on('data', () => socket.write(texts.shift() ?? ''));
    socket.on('error', () => {});
  });
  const to = await listen(t, server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  let read;
  const first = await ask({ ...to, agent }, (response) => {
    read = whole(response);
  });
  sameBytes(t, await read, bytes);
  const request = http.request({ ...to, agent, ...options });
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
