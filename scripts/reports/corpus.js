'use strict';

// The servers of the reports, and what is right to say of each. It was written before `ralloc report` had any pattern.
//
// Name -> `report`; the `packages` it needs, the `load`, and what it asks (`upstream`). Right are:
//
//   kinds     the kinds of memory that have grown, at the end or at the peak
//   finding   what the report says first, of this memory; undefined if no line can help
//   at        a part of the code of the line that it names; undefined if it has none
//   cure      what the advice says
//   cured     changes of the source, [before, after], that do what the advice says; `gain`: the share of the peak and of the RSS at rest that is left then, at most
//   pastes    whether the rows of code of the advice are pasted before that, as they are
//   healthy   changes that make a server with nothing unusual
//   most      the share of plain Node's RSS at rest that `ralloc run` leaves, at most, where there is a goal: reports.js

const { CURES } = require('../../tools/report/cures.js');
const {
  apart,
  bytes,
  joined,
  json,
  listeners,
  requests,
  stalled,
  talks,
  upload,
} = require('./loads.js');
const upstreams = require('./upstreams.js');

const MiB = 2 ** 20;
/** What a load leaves may be garbage, or malloc's, when it is over. */
const DEAD = ['garbage', 'mallocKept'];

const ARENAS =
  "app.use(require('ralloc/express').requestArena({ maxBytesPerRequest: 64 * 2 ** 20, maxBytes: 2 ** 29 }));";
/** The value that a row of code of an advice sets. */
const ownOf = (name, row) => / = (.*);(?: \/\/ .*)?$/.exec(CURES[name].now[row])[1];
const COUNTS = `{
  _handleFile(_req, { stream }, done) {
    let size = 0;
    stream.on('data', (data) => { size += data.length; }).on('end', () => done(null, { size }));
  },
  _removeFile: (_req, _file, done) => done(null),
}`;
const RAW = "express.raw({ type: () => true, limit: '50mb' })";

/** Gives each request of node:http an arena. */
const LEASED = [
  ['async (_req, res)', 'LEASED(async (_req, res)'],
  ['\n});\nrequire', '\n}));\nrequire'],
  [
    "require('node:http');",
    "require('node:http');\nconst LEASED = (run) => require('ralloc/http').requestArena({ maxBytesPerRequest: 64 * 2 ** 20, maxBytes: 2 ** 29 }).wrap(run);",
  ],
];

const CORPUS = {
  multer: {
    ...{ report: 'multer#1242', packages: ['express@5', 'multer@2'] },
    load: requests(120, 8, upload(8 * MiB)),
    ...{ kinds: DEAD, most: 0.31, finding: 'churn', cure: /collect\(file\.stream/ },
    cured: [
      ['multer.memoryStorage()', ownOf('multer', 1).replace('$SIZE', 16)],
      ["app.post('/'", `${ARENAS}\napp.post('/'`],
    ],
    gain: { rest: 0.6 },
    healthy: [['multer.memoryStorage()', COUNTS]],
  },
  'body-parser': {
    ...{ report: 'body-parser#191', packages: ['express@5'] },
    load: requests(60, 20, bytes(20 * MiB, 'a/b')),
    ...{ kinds: DEAD, most: 0.3, finding: 'churn', cure: /--memory-limit|rawBody\(/ },
    cured: [
      ["app.post('/'", `${ARENAS}\napp.post('/'`],
      [RAW, "require('ralloc/express').rawBody({ type: () => true, limit: '50mb' })"],
    ],
    gain: { rest: 0.6 },
    healthy: [
      [RAW, '(req, _res, next) => req.resume().on("end", next)'],
      ['req.body.length', "req.headers['content-length']"],
    ],
  },
  fastify: {
    ...{ report: 'bodies of Fastify', packages: ['fastify@5'] },
    load: requests(60, 20, bytes(20 * MiB, 'application/octet-stream')),
    ...{ kinds: DEAD, finding: 'churn', cure: /require\('ralloc\/fastify'\)/ },
    cured: [
      [
        "app.addContentTypeParser(TYPE, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));",
        "app.register(require('ralloc/fastify'), { body: [TYPE], maxBytesPerRequest: 64 * 2 ** 20, maxBytes: 2 ** 29 });",
      ],
    ],
    gain: { rest: 0.6 },
    healthy: [
      [
        "{ parseAs: 'buffer' }, (_request, body, done) => done(null, body)",
        "(_request, body, done) => body.resume().on('end', () => done(null))",
      ],
      ['request.body.length', "request.headers['content-length']"],
    ],
  },
  fetch: {
    ...{ report: 'undici#3895', packages: [] },
    ...{ upstream: upstreams.files(), load: requests(36, 6) },
    ...{ kinds: DEAD, most: 0.33, finding: 'churn', at: 'response.arrayBuffer()' },
    cure: /\.collect\(response\.body/,
    pastes: true,
    cured: LEASED,
    gain: { rest: 0.6 },
    healthy: [
      [
        'const body = Buffer.from(await response.arrayBuffer());',
        "const hash = createHash('md5');\n  for await (const part of response.body) hash.update(part);",
      ],
      ["createHash('md5').update(body)", 'hash'],
    ],
  },
  s3: {
    ...{ report: 'objects of aws-sdk', packages: ['@aws-sdk/client-s3@3'] },
    ...{ upstream: upstreams.files(Buffer.alloc(8 * MiB, 97)), load: requests(60, 4) },
    ...{ kinds: [...DEAD, 'buffers', undefined], finding: 'churn' },
    cure: /\.arena\.collect\(/,
    cured: [
      ['Body.transformToByteArray()', '_req.arena.collect(Body, { limit: 2 ** 25 })'],
      ...LEASED,
    ],
    gain: { peak: 0.95, rest: 0.7 },
    healthy: [
      [
        'const bytes = await Body.transformToByteArray();',
        "const hash = createHash('md5');\n  for await (const part of Body) hash.update(part);",
      ],
      ["createHash('md5').update(bytes)", 'hash'],
    ],
  },
  pg: {
    ...{ report: 'rows of pg', packages: ['pg@8', 'pg-query-stream@4'] },
    ...{ upstream: upstreams.database, load: requests(60, 8) },
    ...{ kinds: [...DEAD, 'heap'], most: 0.3, finding: 'answers', cure: /QueryStream/ },
    cured: [
      [
        "const { rows } = await pool.query('select name from things');",
        "const client = await pool.connect();\n  const QueryStream = require('pg-query-stream');\n  let rows = 0;\n  const text = 'select name from things';\n  for await (const _row of client.query(new QueryStream(text, [], { batchSize: 1000 }))) rows += 1;\n  client.release();",
      ],
      ['rows.length', 'rows'],
    ],
    gain: { peak: 0.6 },
    healthy: [['from things', 'from things limit 100']],
  },
  apicache: {
    ...{ report: 'apicache#186', packages: ['express@5', 'apicache@1.6.3'] },
    load: apart(48),
    ...{ kinds: ['heap', 'buffers', ...DEAD], finding: 'append', at: 'res.write(CHUNK)' },
    ...{ cure: /Buffer\.concat\(chunks\)|apicache/ },
    cured: [
      [
        "for (let i = 0; i < 512; i++) if (!res.write(CHUNK)) await once(res, 'drain');\n  res.end();",
        'res.end(Buffer.concat(Array.from({ length: 512 }, () => CHUNK)));',
      ],
    ],
    gain: { peak: 1 },
    healthy: [["middleware('1 minute')", '(_req, _res, next) => next()']],
  },
  append: {
    ...{ report: 'bodies by concat', packages: [], load: requests(24, 4, bytes(4 * MiB, 'a/b')) },
    ...{ kinds: [...DEAD, undefined], finding: 'append', at: 'Buffer.concat([body, chunk])' },
    cure: /Buffer\.concat\(/,
    cured: [
      ['let body = Buffer.alloc(0);', 'const parts = [];'],
      ['body = Buffer.concat([body, chunk]);', 'parts.push(Buffer.from(chunk));'],
      ['.update(body)', '.update(Buffer.concat(parts))'],
    ],
    gain: { peak: 0.9 },
    healthy: [
      ['let body = Buffer.alloc(0);', "const hash = createHash('md5');"],
      ['body = Buffer.concat([body, chunk]);', 'hash.update(chunk);'],
      ["createHash('md5').update(body)", 'hash'],
    ],
  },
  proxy: {
    ...{ report: 'http-proxy-middleware', packages: ['express@5', 'http-proxy-middleware@3'] },
    ...{ upstream: upstreams.files(Buffer.alloc(4 * MiB, 97)), load: requests(24, 4) },
    ...{ kinds: [...DEAD, undefined], finding: 'append', cure: /http-proxy-middleware/ },
    cured: [['responseInterceptor(async (buffer) => buffer)', ownOf('http-proxy-middleware', 1)]],
    gain: { peak: 0.9 },
    healthy: [['selfHandleResponse: true, on: { proxyRes }', '']],
  },
  events: {
    ...{ report: 'commandcode-proxy#20', packages: [], load: stalled(6) },
    ...{ kinds: ['buffers', 'native'], finding: 'waits', at: 'res.write(', cure: /'drain'/ },
    cured: [['for (let', 'if (res.writableNeedDrain) return;\n    for (let']],
    gain: { peak: 0.5 },
    healthy: [['for (let', 'if (res.writableNeedDrain) return;\n    for (let']],
  },
  'ws-slow': {
    ...{ report: 'ws#1830, readers', packages: ['ws@8'], load: listeners(6) },
    ...{
      kinds: ['buffers', 'native'],
      finding: 'waits',
      at: 'Buffer.alloc(60_000',
      cure: /bufferedAmount/,
    },
    cured: [
      [
        'client.send(data)',
        'if (client.bufferedAmount > 16 * 2 ** 20) client.terminate();\n    client.send(data)',
      ],
    ],
    gain: { peak: 0.9 },
    healthy: [
      [
        'client.send(data)',
        'if (client.bufferedAmount > 16 * 2 ** 20) client.terminate();\n    client.send(data)',
      ],
    ],
  },
  socketio: {
    ...{ report: 'messages of socket.io', packages: ['socket.io@4'], load: joined(6) },
    ...{ kinds: ['buffers', 'native'], finding: 'queued', at: 'Buffer.alloc(200_000' },
    cure: /volatile\.emit/,
    cured: [['io.emit(', 'io.volatile.emit(']],
    gain: { peak: 0.7 },
    healthy: [['io.emit(', 'io.volatile.emit(']],
  },
  'ws-deflate': {
    ...{ report: 'ws#1830', packages: ['ws@8'], load: talks(600) },
    ...{ kinds: ['zlib', 'native'], finding: 'streams', cure: /perMessageDeflate: false/ },
    cured: [['{ threshold: 0 }', 'false']],
    gain: { rest: 0.7 },
    healthy: [['{ threshold: 0 }', 'false']],
  },
  zlib: {
    ...{ report: 'node-rs#655', packages: [], load: requests(600, 8) },
    ...{ kinds: ['zlib', 'native'], finding: 'streams', cure: /destroy/ },
    cured: [['kept.push(stream);', 'kept.push(1);\n  stream.destroy();']],
    gain: { rest: 0.6 },
    healthy: [['kept.push(stream);', 'kept.push(1);\n  stream.destroy();']],
  },
  compress: {
    ...{ report: 'compression#49', packages: ['express@5', 'compression@1'] },
    load: stalled(250, 'accept-encoding: gzip\r\n'),
    ...{ kinds: ['zlib', 'native', 'buffers'], finding: 'streams', cure: /compression|zlib/ },
    healthy: [
      ['app.use(compression());', ''],
      ['20_000', '600'],
    ],
  },
  sharp: {
    ...{ report: 'sharp#2607', packages: ['sharp@0.35'], load: requests(120, 24) },
    ...{ kinds: ['native', 'mallocKept'], cure: /ralloc cannot help/ },
    healthy: [['width: 4000, height: 3000', 'width: 400, height: 300']],
  },
  keys: {
    ...{ report: 'node-rs#655, addons', packages: [], load: requests(500, 8) },
    ...{ kinds: ['native'], cure: /ralloc cannot help/ },
    healthy: [['keys.push(', 'keys.splice(0, 1, ']],
  },
  slices: {
    ...{ report: 'slices of bodies', packages: [], load: requests(800, 4, bytes(200_000, 'a/b')) },
    ...{
      kinds: ['buffers'],
      finding: 'pin',
      at: 'subarray(0, 16)',
      cure: /\.copy\(|Buffer\.from\(/,
    },
    cured: [
      [
        'seen.push(id)',
        'const kept = Buffer.allocUnsafeSlow(id.length);\n  id.copy(kept);\n  seen.push(kept)',
      ],
    ],
    gain: { peak: 0.8, rest: 0.8 },
    healthy: [['seen.push(id)', 'seen.push(Buffer.from(id))']],
  },
  cache: {
    ...{ report: 'a cache without a bound', packages: [], load: apart(1500, 4) },
    ...{
      kinds: ['buffers'],
      finding: 'unbounded',
      at: 'Buffer.alloc(120_000',
      cure: /bound|delete/,
    },
    cured: [
      [
        'pages.set(req.url, page);',
        'pages.set(req.url, page);\n    if (pages.size > 100) pages.delete(pages.keys().next().value);',
      ],
    ],
    gain: { peak: 0.7, rest: 0.7 },
    healthy: [
      ['120_000', '12_000'],
      [
        'pages.set(req.url, page);',
        'pages.set(req.url, page);\n    if (pages.size > 100) pages.delete(pages.keys().next().value);',
      ],
    ],
  },
  sessions: {
    ...{ report: 'sessions without an end', packages: [], load: requests(700, 4) },
    ...{ kinds: ['heap'], cure: /heap snapshots/ },
    healthy: [['sessions.set(sessions.size, session)', 'sessions.set(0, session)']],
  },
  copies: {
    ...{ report: 'copies of a body', packages: [], load: requests(40, 4, json(5 * MiB)) },
    ...{ kinds: [...DEAD, 'heap', undefined], finding: 'copies', cure: /copies|once/ },
    cured: [
      ['const value = JSON.parse(body.toString());', ''],
      ['const again = Buffer.from(JSON.stringify(value));', 'const again = body;'],
    ],
    gain: { peak: 0.9 },
    healthy: [
      ['const value = JSON.parse(body.toString());', ''],
      ['const again = Buffer.from(JSON.stringify(value));', 'const again = body;'],
    ],
  },
  constant: {
    ...{ report: 'Buffers for a constant', packages: [], load: requests(200, 4) },
    ...{ kinds: [undefined], finding: 'constant', at: 'Buffer.from(', cure: /once/ },
    ...{ pastes: true, cured: [] },
    healthy: [
      [
        'Buffer.from(\';"not known";"not known";"not known";"not known";"not known"\\r\\n\')',
        'UNKNOWN',
      ],
      [
        "require('node:http');",
        'require(\'node:http\');\nconst UNKNOWN = Buffer.from(\';"not known";"not known";"not known";"not known";"not known"\\r\\n\');',
      ],
    ],
  },
  child: {
    ...{ report: 'a child that does not read', packages: [], load: requests(200, 4) },
    ...{
      kinds: ['buffers', 'native'],
      finding: 'waits',
      at: 'Buffer.alloc(2 ** 20',
      cure: /'drain'/,
    },
    healthy: [
      ['setTimeout(() => process.stdin.resume(), 3e5)', 'process.stdin.resume()'],
      ['2 ** 20, 97', '2 ** 14, 97'],
    ],
  },
  files: {
    ...{ report: 'files that are read whole', packages: [] },
    load: requests(60, 20, { pauseMs: 300 }),
    ...{ kinds: DEAD, finding: 'waits', at: 'readFile(', cure: /createReadStream/ },
    cured: [
      [
        'const data = await fs.promises.readFile(file);\n  res.end(data);',
        'fs.createReadStream(file).pipe(res);',
      ],
    ],
    gain: { peak: 0.6 },
    healthy: [
      [
        'const data = await fs.promises.readFile(file);\n  res.end(data);',
        'fs.createReadStream(file).pipe(res);',
      ],
    ],
  },
};

module.exports = { CORPUS };
