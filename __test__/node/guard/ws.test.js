'use strict';
// tier: run-time

// ws, which queues what it is given, with memory of an arena that nobody holds: every message arrives as it was sent.

require('../../../lib/node/guard/index.js');
const test = require('ava');
const { once } = require('node:events');
const { WebSocket, WebSocketServer } = require('ws');
const { Arena } = require('../../../lib/index.js');
const { letGo } = require('../../helpers/until.js');

const SIZE = 300_000;
const LONG = 2 ** 31 - 1; // however long the machine takes
const bytes = (letter, size = SIZE) => Buffer.alloc(size, letter);

for (const perMessageDeflate of [false, { threshold: 0 }]) {
  const how = perMessageDeflate ? 'deflated' : 'plain';
  test(`${how}: messages, fragments and pings out of an arena that is reset at once`, async (t) => {
    const arena = new Arena({ guard: true, holdMs: LONG });
    const take = (letter, size = SIZE) => arena.allocUnsafe(size).fill(letter);
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
    server.on('connection', (socket) => {
      socket.on('message', (data) => socket.send(data));
    });
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`, { perMessageDeflate });
    await once(socket, 'open');
    const seen = [];
    const all = new Promise((resolve) => {
      socket.on('message', (data) => seen.push(data) === 3 && resolve());
    });
    const pong = once(socket, 'pong');
    socket.send(take('a'));
    socket.send(take('b'), { fin: false });
    socket.send(take('c'), { fin: true });
    socket.ping(take('p', 20));
    socket.send(take('d', 10));
    arena.reset();
    for (let i = 0; i < 4; i++) take('!');
    await all;
    const right = [bytes('a'), Buffer.concat([bytes('b'), bytes('c')]), bytes('d', 10)];
    t.true(right.every((body, i) => body.equals(seen[i])));
    t.deepEqual((await pong)[0], bytes('p', 20));
    socket.close();
    await once(socket, 'close');
    server.close();
    await letGo(arena);
    arena.close();
  });
}

for (const how of ['under a hold', 'as a copyOut']) {
  test(`behind a Blob, ${how}: a message out of an arena that is reset at once`, async (t) => {
    const arena = new Arena({ guard: true, holdMs: LONG });
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
    const [[peer]] = await Promise.all([once(server, 'connection'), once(socket, 'open')]);
    const seen = [];
    const all = new Promise((resolve) => {
      peer.on('message', (data) => seen.push(data) === 2 && resolve());
    });
    const message = arena.allocUnsafe(SIZE).fill('a');
    socket.send(new Blob([bytes('b')]));
    if (how === 'under a hold') {
      const hold = arena.hold();
      socket.send(message, () => hold.release());
    } else socket.send(arena.copyOut(message));
    arena.reset();
    arena.allocUnsafe(SIZE).fill('!');
    await all;
    t.true(bytes('b').equals(seen[0]) && bytes('a').equals(seen[1]));
    socket.close();
    await once(socket, 'close');
    server.close();
    await letGo(arena);
    arena.close();
  });
}
