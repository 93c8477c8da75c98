'use strict';

const { randomInt } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');

/** Below those that the system gives to clients: one of theirs may be taken before the program listens. */
async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

module.exports = { freePort };
