'use strict';

// The rows of table.js whose Buffers are kept in places of their own: paths, keys, dictionaries, queues of helpers, and what is given
// for later. Those that look at a Buffer with other bytes in it put these at its beginning, and say that they saw what was right.

const crypto = require('node:crypto');
const { EventEmitter, on, once } = require('node:events');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const path = require('node:path');
const { Readable } = require('node:stream');
const { setImmediate: turn } = require('node:timers/promises');
const tls = require('node:tls');
const { promisify } = require('node:util');
const { BroadcastChannel, Worker, setEnvironmentData } = require('node:worker_threads');
const zlib = require('node:zlib');
const { WebSocketServer } = require('ws');
const { all, bytesOf, listening } = require('../../helpers/in-flight.js');
const { certificate } = require('../../helpers/certificate.js');

const { subtle } = crypto.webcrypto;
const SIZE = 64 * 1024;
const LAST = 9; // of map()'s chunks: more than the queue of its stream has
const right = Buffer.alloc(SIZE, 'a');
const seen = (isRight) => (isRight ? right : Buffer.from('other'));

/** What begins at once, and waits by itself. */
const waiting = (begin) => async (buffer, place) => bytesOf(await begin(buffer, place));

/** `bytes` at the beginning of the Buffer. */
function within(buffer, bytes) {
  buffer.set(Buffer.from(bytes));
  return buffer.subarray(0, bytes.length);
}

const ECHO = `const { parentPort, workerData, getEnvironmentData } = require('node:worker_threads');
  parentPort.postMessage(workerData ?? getEnvironmentData('bytes'));`;

const HELD = {
  'https.Agent({ ca, cert, key })': waiting(async (buffer) => {
    const { key, cert } = certificate();
    const server = https.createServer({ key, cert }, (_req, res) => res.end());
    const agent = new https.Agent({ ca: within(buffer, cert), servername: 'localhost' });
    const port = await listening(server);
    return async () => {
      try {
        const [response] = await once(https.get({ port, host: '127.0.0.1', agent }), 'response');
        response.resume();
        return seen(true);
      } finally {
        agent.destroy();
        server.close();
      }
    };
  }),
  'fs.createWriteStream, its path': waiting((buffer, { folder }) => {
    const file = path.join(folder, 'written');
    const stream = fs.createWriteStream(within(buffer, file)).on('error', () => {});
    stream.end('x');
    return async () => {
      if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
      return seen(fs.existsSync(file));
    };
  }),
};

const COPIES = {
  'BroadcastChannel.postMessage': waiting((buffer) => {
    const [from, to] = [new BroadcastChannel('table'), new BroadcastChannel('table')];
    from.postMessage(buffer);
    return () =>
      new Promise((resolve) => {
        to.onmessage = ({ data }) => {
          for (const one of [from, to]) one.close();
          resolve(data);
        };
      });
  }),
  'new Worker({ workerData })': waiting((buffer) => {
    const worker = new Worker(ECHO, { eval: true, workerData: buffer });
    return async () => (await once(worker, 'message'))[0];
  }),
  FormData: waiting((buffer) => {
    const form = new FormData();
    form.append('file', new Blob([buffer]));
    const request = new Request('http://localhost', { method: 'POST', body: form });
    return async () => (await (await request.formData()).get('file')).arrayBuffer();
  }),
  'crypto.hkdf': waiting((buffer) => {
    const made = promisify(crypto.hkdf)('sha256', buffer, buffer, buffer.subarray(0, 9), 32);
    const due = crypto.hkdfSync('sha256', right, right, right.subarray(0, 9), 32);
    return async () => seen(Buffer.from(await made).equals(Buffer.from(due)));
  }),
  'crypto.verify': waiting((buffer) => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signature = crypto.sign('sha256', right, privateKey);
    const verified = promisify(crypto.verify)('sha256', buffer, publicKey, signature);
    return async () => seen(await verified);
  }),
  'subtle.deriveBits': waiting(async (buffer) => {
    const key = await subtle.importKey('raw', Buffer.from('key'), 'PBKDF2', false, ['deriveBits']);
    const how = { name: 'PBKDF2', hash: 'SHA-256', salt: buffer, iterations: 2 };
    const made = subtle.deriveBits(how, key, 256);
    const due = crypto.pbkdf2Sync('key', right, 2, 32, 'sha256');
    return async () => seen(Buffer.from(await made).equals(due));
  }),
  'zlib dictionaries': waiting((buffer) => {
    const text = Buffer.from('aaaaaaaaaabbb');
    const stream = zlib.createInflate({ dictionary: buffer });
    return async () => {
      stream.end(zlib.deflateSync(text, { dictionary: right }));
      return seen(text.equals(await all(stream)));
    };
  }),
  'http2session.ping': waiting(async (buffer) => {
    const server = http2.createServer();
    const session = http2.connect(`http://127.0.0.1:${await listening(server)}`);
    await once(session, 'connect');
    const answered = new Promise((resolve) => {
      session.ping(buffer.subarray(0, 8), (_error, _duration, payload) => resolve(payload));
    });
    return async () => {
      const payload = await answered;
      session.destroy();
      server.close();
      return seen(payload.equals(right.subarray(0, 8)));
    };
  }),
  'tls: keys, certificates, tickets, ALPN': waiting(async (buffer) => {
    const { key, cert } = certificate();
    within(buffer, `${cert}\n${key}`);
    const pem = buffer.subarray(0, cert.length);
    const [tickets, protocol] = [buffer.subarray(-100, -52), buffer.subarray(-50, -48)];
    protocol[0] = 1;
    const options = { cert: pem, key: buffer.subarray(cert.length, cert.length + key.length + 1) };
    const server = tls.createServer({ ...options, ticketKeys: tickets, ALPNProtocols: protocol });
    const secure = { ca: pem, host: '127.0.0.1', servername: 'localhost', ALPNProtocols: protocol };
    const port = await listening(server);
    const socket = tls.connect({ ...secure, port });
    return async () => {
      await once(socket, 'secureConnect');
      const { alpnProtocol } = socket;
      socket.destroy();
      server.close();
      return seen(alpnProtocol === 'a' && server.getTicketKeys().equals(right.subarray(0, 48)));
    };
  }),
  'WebAssembly.compile': waiting((buffer) => {
    const compiled = WebAssembly.compile(within(buffer, Buffer.from('0061736d01000000', 'hex')));
    return async () => seen((await compiled) instanceof WebAssembly.Module);
  }),
};

const NOT_SEEN = {
  'worker_threads.setEnvironmentData': waiting((buffer) => {
    setEnvironmentData('bytes', buffer);
    return async () => {
      try {
        return (await once(new Worker(ECHO, { eval: true }), 'message'))[0];
      } finally {
        setEnvironmentData('bytes', undefined);
      }
    };
  }),
  'http2session.goaway, before it is connected': waiting(async (buffer) => {
    const server = http2.createServer();
    const port = await listening(server);
    const told = once(server, 'session').then(([peer]) => once(peer, 'goaway'));
    const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
    session.goaway(0, 0, buffer.subarray(0, 1024));
    return async () => {
      const [, , data] = await told;
      session.destroy();
      server.close();
      return seen(data?.equals(right.subarray(0, 1024)));
    };
  }),
  'readable.map() and its like': waiting(async (buffer) => {
    let isMade = false;
    const make = async (index) => {
      if (index < LAST) return index;
      isMade = true;
      return buffer;
    };
    const ahead = { concurrency: LAST, highWaterMark: LAST };
    const mapped = Readable.from(Array(LAST + 1).keys()).map(make, ahead);
    const chunks = mapped[Symbol.asyncIterator]();
    await chunks.next();
    while (!isMade) await turn();
    return async () => {
      for (let i = 1; i < LAST; i++) await chunks.next();
      return (await chunks.next()).value;
    };
  }),
  'events.on': waiting((buffer) => {
    const emitter = new EventEmitter();
    const events = on(emitter, 'bytes');
    emitter.emit('bytes', buffer);
    return async () => (await events.next()).value[0];
  }),
};

/** What not all Nodes have. */
const LATER = {
  'WebSocket.send': {
    verdict: 'copies',
    isThere: 'WebSocket' in globalThis,
    begin: waiting(async (buffer) => {
      const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
      await once(server, 'listening');
      const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
      const [peer] = await once(server, 'connection');
      const received = new Promise((resolve) => peer.once('message', resolve));
      if (socket.readyState === 0) await new Promise((resolve) => (socket.onopen = resolve));
      socket.send(buffer);
      return async () => {
        const bytes = await received;
        for (const client of server.clients) client.terminate();
        server.close();
        return bytes;
      };
    }),
  },
  'ReadableStream.from, of a generator': {
    verdict: 'not seen',
    isThere: 'from' in ReadableStream,
    begin: waiting(async (buffer) => {
      const parts = [];
      const source = ReadableStream.from([buffer].values());
      let go;
      const sink = {
        start: () => new Promise((resolve) => (go = resolve)),
        write: (chunk) => parts.push(Buffer.from(chunk)),
      };
      const piped = source.pipeTo(new WritableStream(sink, { highWaterMark: 2 }));
      await turn();
      return async () => {
        go();
        await piped;
        return Buffer.concat(parts);
      };
    }),
  },
};

module.exports = { HELD, COPIES, NOT_SEEN, LATER };
