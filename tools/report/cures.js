'use strict';

// What works for packages whose own lines allocate, by the version that it was tried with.
// scripts/diagnose.js runs each row: a server that has the package, as it is and cured.
//
// Code is a row that begins with `+ `; its names are its own, or those of the package's documents.
// $SIZE stands for the MiB of the largest Buffer of the line, $TWICE for what a request may have
// then.

const USUAL_MIB = 16; // of a request by default: no advice lowers it

const COLLECTS =
  '+ const storage = { _handleFile(req, file, done) { req.arena.collect(file.stream, { limit: $SIZE * 2 ** 20 }).then((buffer) => done(null, { buffer, size: buffer.length }), done); }, _removeFile(req, file, done) { delete file.buffer; done(null); } }; // the largest here had up to $SIZE MiB; file.buffer is dead after the response';
const MOUNTS =
  "+ app.use(requestArena({ maxBytesPerRequest: $TWICE * 2 ** 20 })); // const { requestArena, rawBody } = require('ralloc/express')";
const LIMITS =
  '+ app.use(admission({ budget: new Budget({ maxBytes: 256 * 2 ** 20 }), wait: { timeoutMs: 20_000 } })); // or so: const { Budget, admission } = require("ralloc")';

/**
 * Package → `tried`: its version; `now`: the advice; `of`: the findings that it is for; `limit`:
 * what comes first where memory is what is short.
 */
const CURES = {
  multer: {
    tried: '2.5',
    of: ['churn'],
    now: [MOUNTS, COLLECTS, '+ const upload = multer({ storage }); // instead of memoryStorage()'],
  },
  'raw-body': {
    tried: '3.0',
    of: ['churn'],
    limit: [
      'a limit of memory first, without a line: npx ralloc run --memory-limit container',
      LIMITS,
    ],
    now: [
      MOUNTS,
      '+ app.use(rawBody({ limit: $SIZE * 2 ** 20 })); // instead of express.raw(); the largest here had up to $SIZE MiB; req.body is dead after the response',
    ],
  },
  fastify: {
    tried: '5.12',
    of: ['churn'],
    now: [
      "+ app.register(require('ralloc/fastify'), { body: true, maxBytesPerRequest: $TWICE * 2 ** 20 }); // instead of a parser with parseAs: 'buffer'; true: application/octet-stream; request.body is dead after the response",
    ],
  },
  apicache: {
    tried: '1.6',
    of: ['append'],
    now: [
      'apicache appends each write() of a response: collect its parts, and call res.end(Buffer.concat(chunks)) once',
    ],
  },
  'http-proxy-middleware': {
    tried: '3.0',
    of: ['append'],
    now: [
      'responseInterceptor() of http-proxy-middleware appends each chunk: collect them in a listener of your own',
      '+ const proxyRes = async (from, req, res) => { try { const chunks = []; for await (const chunk of from) chunks.push(chunk); res.writeHead(from.statusCode, from.headers).end(Buffer.concat(chunks)); } catch { res.destroy(); } }; // as it came, not decompressed',
    ],
  },
  ws: {
    tried: '8.23',
    of: ['streams'],
    now: [
      '+ new WebSocketServer({ perMessageDeflate: false }) // serverNoContextTakeover keeps the streams too',
    ],
  },
  'pg-protocol': {
    tried: '1.16',
    of: ['answers'],
    now: [
      '+ for await (const row of client.query(new QueryStream(text, values, { batchSize: 1000 }))) use(row); // const QueryStream = require("pg-query-stream"); client = await pool.connect(), and release() it in finally',
      'a pool of pg keeps the first result of each connection until it closes it: maxUses and idleTimeoutMillis say when',
    ],
  },
  'socket.io': {
    tried: '4.8',
    of: ['queued'],
    now: [
      '+ io.volatile.emit("event", data); // instead of io.emit(): who has not taken the message before misses this one',
      '+ if (socket.conn.writeBuffer.length > 1000) socket.disconnect(true); // where nobody may miss one: before each socket.emit()',
    ],
  },
  compression: {
    tried: '1.8',
    of: ['streams'],
    now: [
      'compression() keeps one stream for each response that its client has not read: bound how many there are at once, by admission(), or let the proxy in front compress',
    ],
  },
};

/**
 * The advice for a finding of `kind`, by the packages in whose code a line allocates: those nearest
 * to the allocation first; `mebibytes`: its largest Buffer. Undefined without one.
 */
function cureOf(kind, packages, mebibytes = 1) {
  const name = packages.find((one) => Object.hasOwn(CURES, one) && CURES[one].of.includes(kind));
  if (name === undefined) return undefined;
  return CURES[name].now.map((row) => withSize(row, mebibytes));
}

/** A row for Buffers of so many MiB. */
const withSize = (row, mebibytes) =>
  row.replaceAll('$SIZE', mebibytes).replaceAll('$TWICE', Math.max(USUAL_MIB, 2 * mebibytes));

/** What bounds the memory of the packages in whose code a line allocates. */
const limitOf = (packages) => CURES[packages.find((one) => Object.hasOwn(CURES, one))]?.limit ?? [];

module.exports = { CURES, cureOf, limitOf, withSize };
