'use strict';
// tier: run-time, differs by Node

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { once } = require('node:events');
const net = require('node:net');
const tls = require('node:tls');
const dgram = require('node:dgram');
const { isNative } = require('../../helpers/backend.js');
const { Outliving, runs, SIZE } = require('../../helpers/outlive.js');
const { until, turns } = require('../../helpers/until.js');
const { certificate } = require('../../helpers/certificate.js');
const { serveOnly } = require('../../helpers/server.js');
const { Arena } = require('../../../lib/index.js');

const kinds = {
  'net.connect()': [
    (listener) => net.createServer(listener),
    (port, onread) => net.connect({ port, host: '127.0.0.1', onread }),
  ],
  'net.createConnection() with a listener': [
    (listener) => net.createServer(listener),
    (port, onread) => net.createConnection({ port, host: '127.0.0.1', onread }, () => {}),
  ],
  'tls.connect()': [
    (listener) => tls.createServer(certificate(), listener),
    (port, onread) => tls.connect(port, '127.0.0.1', { rejectUnauthorized: false, onread }),
  ],
};

for (const [name, [make, connect]] of Object.entries(kinds)) {
  test(`${name} reads into the Buffer of onread until it closes`, async (t) => {
    for (const guard of [true, false]) {
      const o = new Outliving({ guard });
      let peer;
      const port = await serveOnly(
        t,
        make((socket) => {
          peer = socket.on('error', () => {});
        }),
      );
      const buffer = o.make('a');
      let seen = 0;
      const callback = (count) => {
        seen += count;
        return true;
      };
      const socket = connect(port, { buffer, callback });
      socket.on('error', () => {});
      const others = o.reset();
      t.is(o.held > 0, guard);
      await until(() => peer !== undefined);
      peer.write('x'.repeat(100));
      await until(() => seen === 100);
      t.is(runs(buffer), guard ? `x×100 a×${SIZE - 100}` : '');
      if (guard) t.is(runs(others), '!×65536');
      else if (isNative) t.not(runs(others), '!×65536', 'the socket wrote into what others have');
      socket.destroy();
      await until(() => o.held === 0);
    }
  });
}

test('the errors of net.connect() are its own', (t) => {
  t.is(net.connect, net.createConnection);
  t.throws(() => net.connect({ onread: { buffer: 5 } }), { code: 'ERR_MISSING_ARGS' });
  t.throws(() => net.connect(), { code: 'ERR_MISSING_ARGS' });
});

test('a socket that is refused lets go', async (t) => {
  const o = new Outliving({ guard: true });
  const onread = { buffer: o.make('a'), callback: () => true };
  t.throws(() => net.connect({ port: -1, onread }), { code: 'ERR_SOCKET_BAD_PORT' });
  o.reset();
  t.is(o.held, 0);
});

// Datagrams: what Node has not sent yet when the memory of its Buffer is reset.

const text = (message) => message.toString();
const lengthOf = (buffer) => buffer.length;

async function bound(t) {
  const socket = dgram.createSocket('udp4');
  t.teardown(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A socket whose name is looked up in the turn after next. */
function sender(t) {
  const lookup = (_host, _options, callback) => setImmediate(callback, null, '127.0.0.1', 4);
  const socket = dgram.createSocket({ type: 'udp4', lookup });
  t.teardown(() => socket.close());
  return socket;
}

const done = () => {};

// Each sends 'aaaa' of a Buffer of four of them, before or after others of the same arena.
const ways = {
  'a port and a host': (s, b, port) => s.send(b, port, 'receiver'),
  'a port, a host and a callback': (s, b, port) => s.send(b, port, 'receiver', done),
  'a port': (s, b, port) => s.send(b, port),
  'a port and a callback': (s, b, port) => s.send(b, port, done),
  'offset, length, port and host': (s, b, port) => s.send(b, 0, lengthOf(b), port, 'receiver'),
  'offset, length, port, host and a callback': (s, b, port) =>
    s.send(b, 0, lengthOf(b), port, 'receiver', done),
  'a list': (s, b, port) => s.send([b.subarray(0, 2), b.subarray(2)], port, 'receiver'),
  'a list and a callback': (s, b, port) =>
    s.send([b.subarray(0, 1), 'a', b.subarray(2)], port, 'receiver', done),
  'a DataView': (s, b, port) =>
    s.send(new DataView(b.buffer, b.byteOffset, b.length), port, 'receiver', done),
};

for (const [guard, how] of [
  [true, 'is what it was'],
  [false, 'without the guard is what came after'],
]) {
  for (const [name, send] of Object.entries(ways)) {
    for (const [state, prepare] of [
      ['an unbound socket', () => {}],
      ['a bound socket', (socket) => once(socket.bind(), 'listening')],
    ]) {
      if (!guard && (state === 'an unbound socket' || name === 'a DataView')) continue; // Node throws, in its own callback
      test(`a datagram from ${state}, with ${name}, ${how}`, async (t) => {
        const arena = new Arena({ guard });
        const receiver = await bound(t);
        const socket = sender(t);
        await prepare(socket);
        const received = once(receiver, 'message');
        socket.on('error', () => {});
        const { port } = receiver.address();
        send(socket, arena.from('aaaa'), port);
        arena.reset();
        arena.from('bbbb');
        // Without the guard what came after may be lost: then this is what comes.
        let isOver = guard;
        turns(300).then(() => isOver || sender(t).send('nothing', port, 'receiver'));
        t.is(text((await received)[0]) === 'aaaa', guard);
        isOver = true;
        t.is(arena.stats().memory.held, 0);
        t.is(arena.stats().guarded.dgram.operations > 0, guard);
      });
    }
  }
}
