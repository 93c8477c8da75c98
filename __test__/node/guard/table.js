'use strict';

// The rows of the table in docs/reference/guard.md: what becomes of a Buffer that was given to an API and whose arena was reset
// before that was done with it. `begin(buffer, place)` gives { goOn, finish }: goOn() lets it go on, finish() resolves to
// the bytes that it saw, or for one that writes to the Buffer to what `place.intact()` says: the same where what came after
// in its memory is as it was. `place`: a folder, a URL, and what ends it, besides.

const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { PassThrough, Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { promisify } = require('node:util');
const { MessageChannel } = require('node:worker_threads');
const zlib = require('node:zlib');
const undici = require('undici');
const { socketPath } = require('../../helpers/folder.js');
const { all, bytesOf, inPool } = require('../../helpers/in-flight.js');
const connections = require('./table-connections.js');
const more = require('./table-more.js');

const { subtle } = crypto.webcrypto;
const gzip = promisify(zlib.gzip);
const write = promisify(fs.write);
const writev = promisify(fs.writev);
const pbkdf2 = promisify(crypto.pbkdf2);
const scrypt = promisify(crypto.scrypt);
const sign = promisify(crypto.sign);
const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 });

/** Of the thread pool. `use(buffer, file)` gives its promise, and what it resolves to is seen, or else the file. */
const pooled = (use) => (buffer, place) => {
  const file = path.join(place.folder, 'file');
  return inPool(async (given) => {
    const seen = await use(given, file);
    return Buffer.isBuffer(seen) ? seen : fs.readFileSync(file);
  })(buffer);
};

/** An open file, for `use(fd, buffer)`. */
const opened = (use) =>
  pooled(async (buffer, file) => {
    const fd = fs.openSync(file, 'w');
    await use(fd, buffer);
    fs.closeSync(fd);
  });

/** A FileHandle, for `use(handle, buffer)`. */
const writing = (use) => async (buffer, place) => {
  const file = path.join(place.folder, 'file');
  const handle = await fs.promises.open(file, 'w');
  return inPool(async (given) => {
    try {
      await use(handle, given);
    } finally {
      await handle.close();
    }
    return fs.readFileSync(file);
  })(buffer);
};

/** A key or digest that is right where the Buffer's bytes were a's: then those are what was seen. */
const derived = (use, check) =>
  pooled(async (buffer) => {
    const { length } = buffer;
    const right = Buffer.alloc(length, 'a');
    const made = await use(buffer);
    return (await check(right, Buffer.from(made))) ? right : Buffer.from('other');
  });

/** Fills the Buffer of a file that is open, in the pool. */
const filling = (use) => async (buffer, place) => {
  const handle = await fs.promises.open(__filename);
  return inPool(async (given) => {
    await use(given, handle);
    await handle.close();
    return place.intact();
  })(buffer);
};

/** What can be begun, waits by itself, and goes on when asked for its bytes. */
const waiting = (begin) => async (buffer, place) => bytesOf(begin(buffer, place));

const viaPort = (send) =>
  waiting((buffer) => {
    const { port1, port2 } = new MessageChannel();
    send(port1, buffer);
    return async () => {
      const [message] = await once(port2, 'message');
      port1.close();
      return message;
    };
  });

const hmac = { name: 'HMAC', hash: 'SHA-256' };
const plainKey = (usage) =>
  subtle.importKey('raw', Buffer.alloc(16), usage === 'sign' ? hmac : 'AES-GCM', false, [usage]);
const gcm = { name: 'AES-GCM', iv: Buffer.alloc(12) };
const same = async (one, other) => Buffer.from(await one).equals(Buffer.from(await other));

const HELD = {
  'fs.read': filling((buffer, { fd }) => promisify(fs.read)(fd, buffer, 0, 1024, 0)),
  'fs.readv': filling((buffer, { fd }) => promisify(fs.readv)(fd, [buffer], 0)),
  'filehandle.read': filling((buffer, handle) => handle.read(buffer, 0, 1024, 0)),
  'filehandle.readv': filling((buffer, handle) => handle.readv([buffer], 0)),
  'crypto.randomFill': filling((buffer) => promisify(crypto.randomFill)(buffer)),
  'fs.write': opened((fd, buffer) => write(fd, buffer)),
  'fs.writev': opened((fd, buffer) => writev(fd, [buffer])),
  'fs.writeFile': pooled((buffer, file) => promisify(fs.writeFile)(file, buffer)),
  'fs.appendFile': pooled((buffer, file) => promisify(fs.appendFile)(file, buffer)),
  'fs.promises.writeFile': pooled((buffer, file) => fs.promises.writeFile(file, buffer)),
  'fs.promises.appendFile': pooled((buffer, file) => fs.promises.appendFile(file, buffer)),
  'filehandle.write': writing((handle, buffer) => handle.write(buffer)),
  'filehandle.writev': writing((handle, buffer) => handle.writev([buffer])),
  'filehandle.writeFile': writing((handle, buffer) => handle.writeFile(buffer)),
  'filehandle.appendFile': writing((handle, buffer) => handle.appendFile(buffer)),
  'fs.createWriteStream': pooled(async (buffer, file) => {
    const stream = fs.createWriteStream(file).end(buffer);
    await once(stream, 'finish');
  }),
  'http.request': waiting((buffer, { url }) => {
    const request = http.request(url, { method: 'POST' });
    const answered = once(request, 'response');
    answered.catch(() => {});
    request.end(buffer);
    return async () => all((await answered)[0]);
  }),
  'zlib.gzip': pooled(async (buffer) => zlib.gunzipSync(await gzip(buffer))),
  'zlib.createGzip': pooled(async (buffer) => {
    const stream = zlib.createGzip();
    stream.end(buffer);
    return zlib.gunzipSync(await all(stream));
  }),
  'socket.write': async (buffer, place) => {
    const server = net.createServer({ pauseOnConnect: true }).listen(socketPath(place.folder));
    const accepted = once(server, 'connection');
    const socket = net.connect(socketPath(place.folder));
    const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
    socket.on('error', () => {});
    for (const one of [server, socket, peer]) one.unref(); // without the guard it never ends
    socket.write(Buffer.alloc(4 * 1024 * 1024)); // more than the kernel takes
    socket.end(buffer);
    const finish = async () => {
      const got = await all(peer);
      socket.destroy();
      server.close();
      return got.subarray(4 * 1024 * 1024);
    };
    return { goOn: async () => {}, finish };
  },
  'stream.PassThrough': waiting((buffer) => {
    const through = new PassThrough();
    through.end(buffer);
    return () => all(through);
  }),
  'readable.push': waiting((buffer) => {
    const readable = new Readable({ read() {} });
    readable.push(buffer);
    readable.push(null);
    return () => all(readable);
  }),
  'Readable.from': waiting((buffer) => {
    const readable = Readable.from([buffer]);
    return () => all(readable);
  }),
  'stream.pipeline': waiting((buffer) => {
    const through = new PassThrough();
    pipeline([buffer], through).catch(() => {});
    return () => all(through);
  }),
  'controller.enqueue': waiting((buffer) => {
    const readable = new ReadableStream({ start: (controller) => controller.enqueue(buffer) });
    return async () => (await readable.getReader().read()).value;
  }),
  'writer.write': waiting((buffer) => {
    let seen;
    let go;
    const start = () => new Promise((resolve) => (go = resolve));
    const writable = new WritableStream({ start, write: (chunk) => (seen = Buffer.from(chunk)) });
    const written = writable.getWriter().write(buffer);
    return async () => {
      go();
      await written;
      return seen;
    };
  }),
};

const COPIES = {
  'crypto.pbkdf2': derived(
    (buffer) => pbkdf2(buffer, 'salt', 2, 32, 'sha256'),
    (right, made) => crypto.pbkdf2Sync(right, 'salt', 2, 32, 'sha256').equals(made),
  ),
  'crypto.scrypt': derived(
    (buffer) => scrypt(buffer, 'salt', 32, { N: 2 }),
    (right, made) => crypto.scryptSync(right, 'salt', 32, { N: 2 }).equals(made),
  ),
  'crypto.sign': derived(
    (buffer) => sign('sha256', buffer, privateKey),
    (right, made) => crypto.verify('sha256', right, publicKey, made),
  ),
  'subtle.encrypt': derived(
    async (buffer) => subtle.encrypt(gcm, await plainKey('encrypt'), buffer),
    async (right, made) => same(subtle.encrypt(gcm, await plainKey('encrypt'), right), made),
  ),
  'subtle.sign': derived(
    async (buffer) => subtle.sign('HMAC', await plainKey('sign'), buffer),
    async (right, made) => same(subtle.sign('HMAC', await plainKey('sign'), right), made),
  ),
  'subtle.importKey': derived(
    async (buffer) =>
      subtle.exportKey('raw', await subtle.importKey('raw', buffer, hmac, true, ['sign'])),
    (right, made) => made.equals(right),
  ),
  'subtle.digest': derived(
    (buffer) => subtle.digest('SHA-256', buffer),
    (right, made) => crypto.createHash('sha256').update(right).digest().equals(made),
  ),
  fetch: waiting((buffer, { url }) => {
    const sent = fetch(url, { method: 'POST', body: buffer });
    return async () => (await sent).arrayBuffer();
  }),
  Response: waiting((buffer) => {
    const response = new Response(buffer);
    return () => response.arrayBuffer();
  }),
  Blob: waiting((buffer) => {
    const blob = new Blob([buffer]);
    return () => blob.arrayBuffer();
  }),
  'port.postMessage': viaPort((port, buffer) => port.postMessage(buffer)),
};

if (process.getBuiltinModule?.('node:sqlite') !== undefined) {
  COPIES['node:sqlite iterate'] = waiting((buffer) => {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    const rows = new DatabaseSync(':memory:').prepare('SELECT ? AS bytes').iterate(buffer);
    return async () => rows.next().value.bytes;
  });
}

const NOT_SEEN = {
  'undici.request': waiting((buffer, { url }) => {
    const sent = undici.request(url, { method: 'POST', body: buffer });
    return async () => (await sent).body.arrayBuffer();
  }),
  'an array of your own': waiting((buffer) => {
    const queue = [buffer];
    return async () => queue.shift();
  }),
};

const rowsOf = (verdict, ...groups) =>
  groups.flatMap((group) => Object.entries(group)).map(([api, begin]) => ({ api, verdict, begin }));

const later = Object.entries(more.LATER);
const rows = [
  ...rowsOf('held', HELD, connections.HELD, more.HELD),
  ...rowsOf('copies', COPIES, connections.COPIES, more.COPIES),
  ...rowsOf('not seen', NOT_SEEN, connections.NOT_SEEN, more.NOT_SEEN),
  ...later.filter(([, { isThere }]) => isThere).map(([api, row]) => ({ api, ...row })),
];

/** What this Node does not have. */
const absent = later.filter(([, { isThere }]) => !isThere).map(([api]) => api);

module.exports = { rows, absent };
