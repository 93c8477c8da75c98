// The applications: what each is, the files of servers/ that are compared, and the requests that it
// is asked, each with its answer.
//
// `ask()` makes the exchanges `{ method, path, headers, body, answer, isGzip, source }`, which are
// asked by turns: so that an answer with another request's bytes shows. `plain` and `ralloc` are
// files of servers/; without `ralloc`, ralloc/auto is all that changes (see variants.js). `source`:
// what the server behind the application answers, where that is not `answer`. `behind`: a file of
// behind/, the server that the application asks, which runs in the client's process. `service`: one
// of services/, a program or a folder that it needs. `load`: the file of loads/ that speaks its
// protocol. `connections`: of the client, over TLS if `isSecure`. `execArgv`, `dataBytes`: of its
// processes. `plan`: what is other than PLAN of plan.js.

const { crc32, gzipSync } = require('node:zlib');
const lines = require('../../examples/rows/lines.js');
const { parseRows } = require('../rows/rows.js');
const page = require('./servers/json/page.js');
const png = require('./png.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const EXCHANGES = 8;

const each =
  (exchange, length = EXCHANGES) =>
  () =>
    Array.from({ length }, (_, n) => exchange(n));

/** Bytes that tell whose they are, all over. */
const bytesOf = (n, size) => Buffer.alloc(size, `bytes of ${n}, `);

const posts = (size, headers = {}, length = EXCHANGES) =>
  each((n) => {
    const body = bytesOf(n, size);
    return { method: 'POST', headers, body, answer: Buffer.from(`${crc32(body)}`) };
  }, length);

const binary = { 'content-type': 'application/octet-stream' };

const greetings = each((n) => {
  const body = `hello ${n}`;
  return {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body,
    answer: Buffer.from(`You sent: ${body}\n`),
  };
});

const pages = each((n) => ({
  path: `/products/${n}`,
  answer: Buffer.from(JSON.stringify(page(n))),
}));

const listOf = (n, count) =>
  Buffer.from(JSON.stringify(Array.from({ length: count }, (_, i) => page(n + i))));

const zipped = (count) =>
  each((n) => ({
    path: `/products/${n}/${count}`,
    headers: { 'accept-encoding': 'gzip' },
    isGzip: true,
    answer: listOf(n, count),
  }));

const passedOn = (size) => each((n) => ({ path: `/${n}`, answer: bytesOf(n, size) }));

const tarballs = (sizeOf) =>
  each((n) => ({
    path: `/blob-${n}/-/blob-${n}-1.0.0.tgz`,
    answer: bytesOf(n, sizeOf(n)),
  }));

const uploads = each((n) => {
  const file = bytesOf(n, MiB);
  const head = 'content-disposition: form-data; name="file"; filename="a.bin"';
  const body = Buffer.concat([
    Buffer.from(`--boundary\r\n${head}\r\ncontent-type: application/octet-stream\r\n\r\n`),
    file,
    Buffer.from('\r\n--boundary--\r\n'),
  ]);
  const headers = { 'content-type': 'multipart/form-data; boundary=boundary' };
  return { method: 'POST', headers, body, answer: Buffer.from(`${crc32(file)}`) };
});

const photographs = each((n) => {
  const body = png(n, 1600, 1200);
  return { method: 'POST', headers: binary, body, answer: Buffer.from(`${crc32(body)} 320 true`) };
}, 4);

const packed = each((n) => {
  const text = listOf(n, 512);
  return { method: 'POST', body: gzipSync(text), answer: Buffer.from(`${crc32(text)}`) };
});

const downloads = each((n) => {
  const source = bytesOf(n, 4 * MiB);
  return { path: `/${n}`, source, answer: Buffer.from(`${crc32(source)}`) };
});

/** Pages of rows, half of them of a hundred whose reports stay in the service's cache. */
function rowsOf(size) {
  const rows = new Map();
  const pageOf = (n) => (n % 2 === 0 ? (n / 2) % 100 : 100 + (((n - 1) / 2) % 500));
  const answerOf = (page) => {
    if (!rows.has(page)) rows.set(page, parseRows(lines.text, lines.startOf(page), size));
    return rows.get(page);
  };
  return each(
    (n) => ({ path: `/users/user-${n % 500}/rows/${pageOf(n)}`, answer: answerOf(pageOf(n)) }),
    1000,
  );
}

const LARGE = { warm: 800, slice: 0.6, fixedSlice: 0.4 };

/** Native memory is the pain: what is left at rest is measured too. */
const HEAVY = { warm: 60, passes: 1, fixedPasses: 1, slice: 0.8, fixedSlice: 0.6, rest: 5 };

const proxy = (size, plain, plan) => ({
  plain: `proxy/${plain}.js`,
  ralloc: 'proxy/pump.js',
  ask: passedOn(size),
  behind: 'answers.js',
  plan,
});

const files = (size, plan) => ({
  plain: 'static/plain.js',
  ask: passedOn(size),
  service: 'files',
  plan: { polls: true, ...plan }, // the folder takes no processor
});

const compressed = (pages) => ({
  plain: 'compression/plain.js',
  ask: zipped(pages),
});

const rowsService = (ralloc) => ({
  plain: 'rows/plain.js',
  ralloc: `rows/${ralloc}.js`,
  isApplied: true,
  ask: rowsOf(256 * KiB),
  service: 'rows',
  execArgv: ['--max-old-space-size=500'], // V8 is told of the limit as in a container
  dataBytes: 1e9,
  plan: { polls: true, warm: 1000, slice: 0.6, fixedSlice: 0.4 },
});

const APPLICATIONS = {
  json: {
    about: 'Express, 4 KiB of JSON; requestArena() is mounted and not used',
    plain: 'json/plain.js',
    empty: 'json/empty.js',
    ralloc: 'json/ralloc.js',
    ask: pages,
  },
  hello: {
    about: 'an answer of 18 bytes: Buffer.from() → req.arena.from()',
    plain: 'hello/plain.js',
    empty: 'hello/empty.js',
    ralloc: 'hello/ralloc.js',
    ask: greetings,
  },
  'hello-context': {
    about: 'the same, with context: true',
    plain: 'hello/plain.js',
    ralloc: 'hello/context.js',
    ask: greetings,
  },
  post: {
    about: 'node:http, a POST of 4 KiB: Buffer.concat() → req.arena.body()',
    plain: 'post/plain.js',
    ralloc: 'post/ralloc.js',
    ask: posts(4 * KiB),
  },
  'body-64k': {
    about: 'node:http, a POST of 64 KiB: Buffer.concat() → req.arena.body()',
    plain: 'post/plain.js',
    ralloc: 'post/ralloc.js',
    ask: posts(64 * KiB),
    plan: { warm: 3000 },
  },
  'https-1m': {
    about: 'node:https, a POST of 1 MiB: Buffer.concat() → req.arena.body()',
    plain: 'https/plain.js',
    ralloc: 'https/ralloc.js',
    ask: posts(MiB),
    isSecure: true,
    plan: LARGE,
  },
  'fastify-1m': {
    about: "Fastify, a POST of 1 MiB: parseAs: 'buffer' → body: true",
    plain: 'fastify/plain.js',
    ralloc: 'fastify/ralloc.js',
    ask: posts(MiB, binary),
    plan: LARGE,
  },
  'tcp-1m': {
    about: 'a proxy of TCP, answers of 1 MiB: stream.pipeline() → pump()',
    plain: 'tcp/plain.js',
    ralloc: 'tcp/ralloc.js',
    ask: passedOn(MiB),
    behind: 'answers.js',
    plan: LARGE,
  },
  'proxy-64k': {
    about: 'a proxy of answers of 64 KiB: stream.pipeline() → pump()',
    ...proxy(64 * KiB, 'pipeline', { warm: 3000 }),
  },
  'proxy-1m': {
    about: 'a proxy of answers of 1 MiB: http-proxy → pump()',
    ...proxy(MiB, 'http-proxy', LARGE),
  },
  'raw-100k': {
    about: 'Express, a POST of 100 KiB: express.raw() → rawBody()',
    plain: 'raw/plain.js',
    ralloc: 'raw/ralloc.js',
    ask: posts(100 * KiB, binary),
    plan: { warm: 3000 },
  },
  'raw-1m': {
    about: 'Express, a POST of 1 MiB: express.raw() → rawBody()',
    plain: 'raw/plain.js',
    ralloc: 'raw/ralloc.js',
    ask: posts(MiB, binary),
    plan: LARGE,
  },
  'raw-1m-heap': {
    about: "raw-1m, with 1.3 MB more on V8's heap: ralloc/auto",
    plain: 'raw/larger.js',
    ask: posts(MiB, binary),
    plan: LARGE,
  },
  multer: {
    about:
      "Express, a file of 1 MiB: multer's memoryStorage() → a storage by collect(), with ralloc/auto",
    plain: 'multer/plain.js',
    ralloc: 'multer/ralloc.js',
    ask: uploads,
    plan: LARGE,
  },
  interceptor: {
    about: 'http-proxy-middleware, answers of 1 MiB: responseInterceptor() → collect()',
    plain: 'interceptor/plain.js',
    ralloc: 'interceptor/ralloc.js',
    ask: passedOn(MiB),
    behind: 'answers.js',
    plan: LARGE,
  },
  'static-2k': { about: 'express.static(), files of 2 KiB: ralloc/auto', ...files(2 * KiB) },
  'static-1m': { about: 'express.static(), files of 1 MiB: ralloc/auto', ...files(MiB, LARGE) },
  'gzip-4k': { about: 'compression(), 4 KiB of JSON: ralloc/auto', ...compressed(1) },
  'gzip-20k': { about: 'compression(), 20 KiB of JSON: ralloc/auto', ...compressed(5) },
  'fetch-text': {
    about: 'fetch() of Node, text() of 256 KiB: ralloc/auto',
    plain: 'fetch/plain.js',
    ask: each((n) => {
      const source = listOf(n, 64);
      return { path: `/${n}`, source, answer: Buffer.from(`${crc32(source)}`) };
    }),
    behind: 'answers.js',
    plan: { warm: 2000, slice: 0.6, fixedSlice: 0.4 },
  },
  ws: {
    about: 'ws, 8 and 16 KB by turns to 200 clients: Buffers → a slab with its guard',
    plain: 'ws/plain.js',
    ralloc: 'ws/ralloc.js',
    load: 'ws.js',
    plan: { warm: 300, slice: 1, fixedSlice: 0.6 },
  },
  aedes: {
    about: 'aedes, 64 KiB to 50 subscribers: nothing → ralloc/guard alone',
    plain: 'aedes/plain.js',
    ralloc: 'aedes/ralloc.js',
    load: 'mqtt.js',
    plan: { warm: 300, slice: 1, fixedSlice: 0.6 },
  },
  sharp: {
    about: 'sharp, photographs of 1.2 MB, 12 at once: ralloc/auto',
    plain: 'sharp/plain.js',
    ask: photographs,
    connections: 12,
    plan: HEAVY,
  },
  zlib: {
    about: 'node:zlib, 2 MB unpacked and packed again, 30 at once: ralloc/auto',
    plain: 'zlib/plain.js',
    ask: packed,
    connections: 30,
    plan: HEAVY,
  },
  download: {
    about: 'undici, downloads of 4 MiB: ralloc/auto',
    plain: 'download/plain.js',
    ask: downloads,
    behind: 'answers.js',
    connections: 20,
    plan: HEAVY,
  },
  'socket.io': {
    about: 'socket.io, 64 and 128 KB by turns to 50 clients: ralloc/auto',
    plain: 'socket.io/plain.js',
    load: 'socket.io.js',
    plan: HEAVY,
  },
  next: {
    about: 'Next.js, uploads of 6 MB to a route: ralloc/auto',
    plain: 'next/plain.js',
    ask: each((n) => {
      const body = bytesOf(n, 6e6);
      return { method: 'POST', path: '/upload', body, answer: Buffer.from(`${crc32(body)}`) };
    }, 4),
    service: 'next',
    connections: 12,
    plan: HEAVY,
  },
  grpc: {
    about: "@grpc/grpc-js, unary calls of 64 KiB to 4 MiB: protobufjs's allocUnsafe() → an arena",
    plain: 'grpc/plain.js',
    ralloc: 'grpc/ralloc.js',
    load: 'grpc.js',
    plan: { warm: 300, slice: 1, fixedSlice: 0.6 },
  },
  pg: {
    about: 'pg, a bytea of 64 KiB: its parser → one into req.arena',
    plain: 'pg/plain.js',
    ralloc: 'pg/ralloc.js',
    ask: passedOn(64 * KiB),
    service: 'postgres',
    plan: { warm: 1000 },
  },
  kafka: {
    about: 'a producer of kafkajs, events of 16 KiB: Buffer.concat() → req.arena.body()',
    plain: 'kafka/plain.js',
    ralloc: 'kafka/ralloc.js',
    ask: posts(16 * KiB),
    behind: 'kafka.js',
    plan: { warm: 3000 },
  },
  s3: {
    about: '@aws-sdk/lib-storage, 16 MiB in parts of 5 MiB: the request → req.arena.body()',
    plain: 's3/plain.js',
    ralloc: 's3/ralloc.js',
    ask: posts(16 * MiB, binary, 2),
    behind: 's3.js',
    connections: 4,
    plan: { warm: 40, slice: 2, fixedSlice: 1.5 },
  },
  rows: {
    about: 'Express, pages of 256 KiB of rows, reports in a cache, sessions: ralloc apply',
    ...rowsService('applied'),
  },
  'rows-region': {
    about: 'the same, with reports and sessions in a region too',
    ...rowsService('region'),
  },
  verdaccio: {
    about: 'Verdaccio, tarballs of 256 KiB; requestArena() is mounted and not used',
    plain: 'verdaccio/plain.js',
    ralloc: 'verdaccio/ralloc.js',
    ask: tarballs(() => 256 * KiB),
    service: 'packages',
    plan: { warm: 3000, slice: 0.6, fixedSlice: 0.4 },
  },
  'verdaccio-5m': {
    about: 'Verdaccio, tarballs of 1 to 5 MiB: ralloc/auto',
    plain: 'verdaccio/plain.js',
    ask: tarballs((n) => (1 + (n % 5)) * MiB),
    service: 'packages',
    plan: { warm: 400, slice: 1.5, fixedSlice: 1 },
  },
};

module.exports = { APPLICATIONS };
