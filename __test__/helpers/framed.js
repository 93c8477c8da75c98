'use strict';

// What the tests of the framed server share: the server, and a client that can break the protocol.

const { once } = require('node:events');
const net = require('node:net');
const { Slab } = require('../..');
const { FramedClient } = require('../../examples/framed/client.js');
const { FramedServer } = require('../../examples/framed-server.js');
const { HEADER, writeHeader } = require('../../examples/framed/protocol.js');
const { until } = require('./until.js');

async function serve(t, options) {
  const server = new FramedServer(options);
  const { port } = await server.listen();
  const slab = new Slab({
    name: 'clients',
    sizes: [64, 2 ** 12, 2 ** 16, 2 ** 21],
    maxCount: 2 ** 20,
  });
  t.teardown(() => server.close());
  return { server, port, slab, connect: () => FramedClient.connect({ port, slab }) };
}

/** Nothing of the slab is held once the connections are gone. */
async function nothingLeft(t, server) {
  await until(() => server.stats.open === 0);
  t.like(server.stats, { waiting: 0 });
  t.like(server.stats.memory, { held: 0, refused: 0 });
}

const frameOf = (op, body) => {
  const frame = Buffer.alloc(HEADER + body.length);
  writeHeader(frame, op, body.length);
  frame.set(body, HEADER);
  return frame;
};

/** A socket that writes any bytes, and keeps what it is answered. */
async function rawClient(port) {
  const socket = net.connect({ port, host: '127.0.0.1' });
  const parts = [];
  let error = null;
  socket.on('error', (what) => {
    error = what;
  });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await once(socket, 'connect');
  return {
    socket,
    closed,
    read: () => socket.on('data', (part) => parts.push(part)),
    /** The answers so far: [status, body]. */
    get answers() {
      const bytes = Buffer.concat(parts);
      const answers = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        answers.push([bytes[at + 4], bytes.subarray(at + HEADER, end)]);
        at = end;
      }
      return answers;
    },
    get error() {
      return error;
    },
  };
}

module.exports = { serve, nothingLeft, frameOf, rawClient };
