'use strict';
// tier: tools

// The warm-up of the demo's servers.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const warm = require('../../demo/warm.js');
const { patient } = require('../helpers/patient.js');

async function listen(t, server) {
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

test('a server answers the requests that were asked for, and one more for each connection', async (t) => {
  let answered = 0;
  const server = patient(
    http.createServer((_req, res) => {
      answered++;
      res.end();
    }),
  );
  await warm(await listen(t, server), 1000);
  t.is(answered, 1004);
  server.closeAllConnections();
});

test('a server that ends a connection in the midst is an error', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
  });
  await t.throwsAsync(warm(await listen(t, server), 1000), { message: /ended a connection/ });
});
