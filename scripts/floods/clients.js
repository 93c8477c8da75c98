'use strict';

// The clients of a flood. Sizes, order and pauses come from a seed. Honest ones end with the status
// that they got, and `wrong` if its hash is not that of what they sent.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { gzipSync } = require('node:zlib');

const MiB = 2 ** 20;

/** mulberry32, by Tommy Ettinger. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Letters, of which each client sends another part. */
function letters(next, length) {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = 97 + Math.floor(next() * 26);
  return bytes;
}

const hashOf = (bytes) => `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;

const HEAD = Buffer.from(
  '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\ncontent-type: a/b\r\n\r\n',
);
const TAIL = Buffer.from('\r\n--x--\r\n');

/** Content -> the parts of a body, and its type. */
const FORMS = {
  form: (content) => [[HEAD, content, TAIL], 'multipart/form-data; boundary=x'],
  raw: (content) => [[content], 'application/octet-stream'],
  json: (content) => [[Buffer.from('{"text":"'), content, Buffer.from('"}')], 'application/json'],
};

async function send(port, { path = '/', body, headers, pauseMs = 0, piece = 64 * 1024 }) {
  const own = { method: 'POST', path, agent: false, headers };
  const req = http.request({ port, host: '127.0.0.1', ...own });
  const answered = once(req, 'response');
  answered.catch(() => {});
  try {
    for (const part of body) {
      for (let at = 0; at < part.length && !req.destroyed && !req.res; at += piece) {
        if (!req.write(part.subarray(at, at + piece)))
          await Promise.race([once(req, 'drain'), answered]);
        if (pauseMs > 0 && at + piece < part.length) await sleep(pauseMs);
      }
    }
    req.end();
    const [res] = await answered;
    let text = '';
    for await (const data of res) text += data;
    return { status: res.statusCode, text };
  } catch (error) {
    return { status: error.code ?? error.message, text: '' };
  } finally {
    req.destroy();
  }
}

/** Announces a body of `length` bytes of a type, sends the `first` of them, and stays. */
function stalled(port, type, length, first) {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.write(
    `POST / HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n`,
  );
  for (const part of first) socket.write(part);
  return socket;
}

/** The status of a GET, or why there is none. */
const get = (port, path) =>
  new Promise((done) => {
    const req = http.get({ port, host: '127.0.0.1', agent: false, path }, (res) =>
      res
        .resume()
        .on('end', () => done(res.statusCode))
        .on('error', ({ code }) => done(code)),
    );
    req.on('error', ({ code }) => done(code));
  });

/**
 * The longest answer of /health in ms, until `over` is true. In a thread of its own: this one is
 * busy with all the others.
 */
async function health(port, over) {
  const worker = new Worker(path.join(__dirname, 'health.js'), { workerData: port });
  const answered = once(worker, 'message');
  while (!over()) await sleep(50);
  worker.postMessage('over');
  const [found] = await answered;
  await worker.terminate();
  return found;
}

/**
 * Uploads of `bytes` in `form`, half of them without a length; `bombs`: bodies of 8 MB that come compressed to a thousandth, if the server inflates; clients that stall, and slow ones. Returns
 * `{ statuses, wrong, seconds, health }` of those that are honest.
 */
async function flood(
  port,
  { form, seed, count = 200, bytes = 5e6, bombs = 20, stalls = 20, slow = 20, restMs = 8000 },
) {
  const next = random(seed);
  const pool = letters(next, 2 * bytes);
  const stopped = Array.from({ length: stalls }, () => {
    const [first, type] = FORMS[form](pool.subarray(0, MiB));
    return stalled(port, type, bytes, first.slice(0, -1).concat(form === 'raw' ? first : []));
  });
  const honest = [];
  const add = (content, isChunked, more = {}) => {
    const [body, type] = FORMS[form](content);
    const headers = { 'content-type': type };
    if (!isChunked) headers['content-length'] = body.reduce((sum, part) => sum + part.length, 0);
    honest.push({
      right: hashOf(content),
      options: { body, headers, ...more },
      wait: next() * 500,
    });
  };
  const part = (length) =>
    pool.subarray(Math.floor(next() * (pool.length - length))).subarray(0, length);
  for (let i = 0; i < count; i++)
    add(part(bytes), i % 2 === 1, {
      piece: Math.ceil(bytes * (0.5 + next() / 2)),
      pauseMs: restMs * (0.5 + next()),
    }); // as a network does
  for (let i = 0; i < slow; i++)
    add(part(MiB), i % 2 === 1, { piece: 64 * 1024, pauseMs: 40 + 40 * next() });
  if (form !== 'form') {
    const content = Buffer.alloc(8e6, 97);
    const [body, type] = FORMS[form](content);
    const zipped = gzipSync(Buffer.concat(body));
    const headers = {
      'content-type': type,
      'content-encoding': 'gzip',
      'content-length': zipped.length,
    };
    const bomb = () => ({
      right: hashOf(content),
      options: { body: [zipped], headers },
      wait: next() * 500,
    });
    honest.push(...Array.from({ length: bombs }, bomb));
  }
  honest.sort((one, other) => one.wait - other.wait);
  const start = performance.now();
  let isOver = false;
  const watched = health(port, () => isOver);
  const statuses = {};
  let wrong = 0;
  await Promise.all(
    honest.map(async ({ right, options, wait }) => {
      await sleep(wait);
      const { status, text } = await send(port, options);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 200 && text !== right) wrong++;
    }),
  );
  isOver = true;
  for (const socket of stopped) socket.destroy();
  const seconds = (performance.now() - start) / 1000;
  return { statuses, wrong, seconds, health: await watched, honest: honest.length };
}

/** Objects of 3.3 MB of JSON, all at once. */
async function objects(port, { count = 120 }) {
  const rows = Array.from({ length: 90_000 }, (_, id) => ({ id, a: `x${id}`, b: id * 2 }));
  const body = Buffer.from(JSON.stringify(rows));
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const start = performance.now();
  let isOver = false;
  const watched = health(port, () => isOver);
  const statuses = {};
  let wrong = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      const { status, text } = await send(port, { body: [body], headers, piece: 1e9 });
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 200 && text !== String(rows.length)) wrong++;
    }),
  );
  isOver = true;
  const seconds = (performance.now() - start) / 1000;
  return { statuses, wrong, seconds, health: await watched, honest: count };
}

/** Uploads that take their time, then many at full speed. */
async function streams(port, { seed }) {
  const next = random(seed);
  const pool = letters(next, 2 * MiB);
  const big = Buffer.concat(Array.from({ length: 25 }, () => pool.subarray(0, 1e6)));
  const one = (content, pauseMs) => {
    const [body, type] = FORMS.form(content);
    const headers = {
      'content-type': type,
      'content-length': body.reduce((sum, part) => sum + part.length, 0),
    };
    return {
      right: hashOf(content),
      options: { body, headers, pauseMs, piece: pauseMs ? 1e6 : 65_536 },
    };
  };
  const start = performance.now();
  let isOver = false;
  const watched = health(port, () => isOver);
  const statuses = {};
  let wrong = 0;
  const all = async (list) => {
    await Promise.all(
      list.map(async ({ right, options }) => {
        const { status, text } = await send(port, options);
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status === 200 && text !== right) wrong++;
      }),
    );
  };
  const small = pool.subarray(7, 7 + 1e6);
  await all(Array.from({ length: 40 }, () => one(big, 40)));
  await all(Array.from({ length: 200 }, () => one(small, 0)));
  isOver = true;
  const seconds = (performance.now() - start) / 1000;
  return { statuses, wrong, seconds, health: await watched, honest: 240 };
}

/**
 * Who listens to a broadcast: `count` by WebSocket and by events, of whom `stops` stop reading. All
 * others must get each message.
 */
async function listeners(port, { count = 100, stops = 10, forMs = 40_000 }) {
  const { WebSocket } = require('ws');
  const lost = new Set();
  const ended = new Set();
  const follow = (id) => {
    let last;
    return (number) => {
      if (last !== undefined && number !== last + 1) lost.add(id);
      last = number;
    };
  };
  const all = [];
  for (let id = 0; id < count; id++) {
    const isStopped = id < stops;
    const see = follow(id);
    if (id % 2 === 0) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
      socket.on('error', () => {});
      socket.on('close', () => ended.add(id));
      socket.on('message', (data) => see(Number.parseInt(data, 10)));
      await once(socket, 'open');
      if (isStopped) socket._socket.pause();
      all.push(() => socket.terminate());
    } else {
      const req = http.get({ port, host: '127.0.0.1', agent: false });
      const [res] = await once(req, 'response');
      req.on('error', () => {});
      res.on('error', () => {}).on('close', () => ended.add(id));
      if (isStopped) res.socket.pause();
      else {
        let text = '';
        res.setEncoding('latin1').on('data', (data) => {
          text += data;
          for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
            see(Number.parseInt(text.slice(6, 20), 10));
            text = text.slice(at + 2);
          }
        });
      }
      all.push(() => req.destroy());
    }
  }
  let isOver = false;
  const watched = health(port, () => isOver);
  await sleep(forMs);
  isOver = true;
  const served =
    count - stops - [...new Set([...lost, ...ended])].filter((id) => id >= stops).length;
  const result = { statuses: { 200: served }, wrong: lost.size, seconds: forMs / 1000 };
  const cut = [...ended].filter((id) => id < stops).length;
  for (const end of all) end();
  return { ...result, health: await watched, honest: count - stops, cut };
}

/**
 * Some seventy clients that upload in all forms and read what is large slowly, for `forMs`: more
 * than fits at once. Who is refused comes back later; `honest` is how many were not.
 */
async function mixed(port, { seed, forMs }) {
  const next = random(seed);
  const pool = letters(next, 12 * MiB);
  const statuses = {};
  let wrong = 0;
  let isOver = false;
  const upload = async (form) => {
    const length = Math.floor(next() * 6e6);
    const content = pool.subarray(Math.floor(next() * MiB)).subarray(0, length);
    const [body, type] = FORMS[form](content);
    const headers = { 'content-type': type };
    const bytes = body.reduce((sum, part) => sum + part.length, 0);
    if (next() < 0.5) headers['content-length'] = bytes;
    const piece = Math.ceil(bytes / (1 + next() * 8));
    const sent = { path: `/${form}`, body, headers, piece, pauseMs: 300 * next() };
    const { status, text } = await send(port, sent);
    if (status === 200 && text !== hashOf(content)) wrong++;
    return status;
  };
  const download = () =>
    new Promise((done) => {
      const req = http.get({ port, host: '127.0.0.1', agent: false, path: '/large' });
      req.on('error', ({ code }) => done(code));
      req.on('response', async (res) => {
        let bytes = 0;
        try {
          for await (const part of res) {
            bytes += part.length;
            if (next() < 0.1) await sleep(5);
          }
        } catch (error) {
          return done(error.code);
        }
        if (bytes !== 2 * MiB) wrong++;
        return done(res.statusCode);
      });
    });
  const client = async (i) => {
    while (!isOver) {
      const form = ['form', 'raw', 'json'][i % 4];
      const status = await (form === undefined ? download() : upload(form));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 503) await sleep(1000);
    }
  };
  const start = performance.now();
  const watched = health(port, () => isOver);
  const clients = Array.from({ length: 72 }, (_, i) => client(i));
  await sleep(forMs);
  isOver = true;
  await Promise.all(clients);
  const seconds = (performance.now() - start) / 1000;
  const all = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  const honest = all - (statuses[503] ?? 0);
  return { statuses, wrong, seconds, health: await watched, honest };
}

module.exports = { flood, get, letters, listeners, mixed, objects, random, streams };
