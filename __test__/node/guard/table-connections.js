'use strict';

// The rows of table.js that need another end: a peer, another process, a worker.

const childProcess = require('node:child_process');
const dgram = require('node:dgram');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { Worker } = require('node:worker_threads');
const { cat } = require('../../helpers/cat.js');
const { all, bytesOf, listening } = require('../../helpers/in-flight.js');
const { turns } = require('../../helpers/until.js');

const PIPE = 'process.stdin.pipe(process.stdout)';
const MANY = 1024 * 1024; // more than a pipe takes

/** A session of HTTP/2 and its peer; `begin` gives the promise of what the peer saw. */
const viaHttp2 = (begin) => async (buffer) => {
  const server = http2.createServer();
  const session = http2.connect(`http://127.0.0.1:${await listening(server)}`);
  session.on('error', () => {});
  const [[peer]] = await Promise.all([once(server, 'session'), once(session, 'connect')]);
  for (const one of [session, peer]) one.unref(); // without the guard it never ends
  const seen = begin(session, peer, buffer);
  return bytesOf(async () => {
    const bytes = await seen;
    session.destroy();
    server.close();
    return bytes;
  });
};

const HELD = {
  'http response behind a pending one': async (buffer) => {
    let first;
    let second;
    const began = new Promise((resolve) => {
      second = resolve;
    });
    const server = http.createServer((req, res) => {
      req.socket.unref(); // without the guard it never ends
      if (req.url === '/1') first = res;
      else second(res);
    });
    const socket = net.connect(await listening(server), '127.0.0.1').unref();
    socket.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n');
    socket.write('GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    (await began).end(buffer);
    const { length } = buffer;
    return {
      goOn: async () => first.end('first'),
      finish: async () => (await all(socket)).subarray(-length),
    };
  },
  'http2stream.end': viaHttp2((session, peer, buffer) => {
    const request = session.request({ ':method': 'POST' });
    request.on('error', () => {});
    request.end(buffer);
    return once(peer, 'stream').then(([stream]) => all(stream));
  }),
  'child.stdin.write': async (buffer, place) => {
    const child = cat();
    child.stdin.on('error', () => {});
    child.stdin.write(Buffer.alloc(MANY));
    child.stdin.end(buffer);
    // Without the guard it never ends, and a write that is pending keeps this process.
    place.teardown(() => child.kill('SIGKILL'));
    return bytesOf(async () => (await all(child.stdout)).subarray(MANY));
  },
  'dgram socket.send': async (buffer) => {
    const receiver = dgram.createSocket('udp4').bind(0, '127.0.0.1').unref();
    await once(receiver, 'listening');
    const lookup = (_host, _options, done) => setImmediate(done, null, '127.0.0.1', 4);
    const sender = dgram.createSocket({ type: 'udp4', lookup }).unref().bind();
    await once(sender, 'listening');
    const received = once(receiver, 'message');
    const parts = Math.ceil(buffer.length / 1024); // as a datagram has an end
    sender.on('error', () => {});
    sender.send(buffer.subarray(0, 1024), receiver.address().port, 'receiver');
    return bytesOf(async () => {
      const [message] = await received;
      sender.close();
      receiver.close();
      return Buffer.concat(Array(parts).fill(message));
    });
  },
};

const COPIES = {
  'http2session.goaway': viaHttp2((session, peer, buffer) => {
    const repeat = buffer.length / 1024;
    session.goaway(0, 0, buffer.subarray(0, 1024));
    return once(peer, 'goaway').then(([, , data]) => Buffer.concat(Array(repeat).fill(data)));
  }),
  'worker.stdin.write': async (buffer) => {
    const worker = new Worker(PIPE, { eval: true, stdin: true, stdout: true });
    worker.stdin.end(buffer);
    return bytesOf(() => all(worker.stdout));
  },
  'worker.postMessage': async (buffer) => {
    const code = `const { parentPort } = require('node:worker_threads');
      parentPort.once('message', (bytes) => parentPort.postMessage(bytes));`;
    const worker = new Worker(code, { eval: true });
    worker.postMessage(buffer);
    return bytesOf(async () => (await once(worker, 'message'))[0]);
  },
  'subprocess.send, advanced': async (buffer) => {
    const code = `process.once('message', (bytes) => process.send(bytes, () => process.disconnect()))`;
    const stdio = ['ignore', 'ignore', 'ignore', 'ipc'];
    const child = childProcess.spawn(process.execPath, ['-e', code], {
      stdio,
      serialization: 'advanced',
    });
    child.send(buffer);
    return bytesOf(async () => (await once(child, 'message'))[0]);
  },
};

const NOT_SEEN = {
  'new net.Socket({ onread })': async (buffer, place) => {
    const server = net.createServer((socket) => turns(50).then(() => socket.end('!'.repeat(100))));
    const port = await listening(server);
    const socket = new net.Socket({ onread: { buffer, callback: () => true } }).unref();
    socket.connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    return {
      goOn: () => Promise.race([once(socket, 'end'), once(socket, 'close')]),
      finish: async () => {
        socket.destroy();
        return place.intact();
      },
    };
  },
};

module.exports = { HELD, COPIES, NOT_SEEN };
