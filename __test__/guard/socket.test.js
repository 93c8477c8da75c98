'use strict';
// tier: run-time, differs

require('../../lib/guard/index.js'); // before anyone takes functions out of Node's modules
const { once } = require('node:events');
const net = require('node:net');
const tls = require('node:tls');
const test = require('ava');
const { isNative } = require('../helpers/backend.js');
const { Outliving, runs, SIZE } = require('../helpers/outlive.js');
const { until } = require('../helpers/until.js');
const { certificate } = require('../helpers/certificate.js');

/** The port of a server, until the test is over. */
async function serve(t, make) {
  const server = make();
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  return server.address().port;
}

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
      const port = await serve(t, () =>
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
