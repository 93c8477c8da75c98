'use strict';

// What waits in a process, without a heap snapshot: bytes in the write queues of sockets,
// responses, WebSockets, files and children, bodies of requests that are not finished, and streams
// of node:zlib that are open. The figures are public ones of Node, but for three that its objects
// have by other names; a figure that is missing there is not known, and no look throws.

const time = require('../base/time.js');
const { kChannel, kMessage, symbolOf } = require('../base/internals.js');
const { attempt } = require('../base/attempt.js');
const { compressors, pool } = require('../memory/stream-counts.js');
const node = require('./made-by-node.js');

const MOST = 1000; // objects in a look
const MOST_ROWS = 24;
const MOST_IN_FLIGHT = 256; // connections in a look of inFlight()
const OTHERS = 'others';
const LOOK_MS = 1000;
const KiB = 1024;

/** Object -> when a look first found that something waits in it. */
const since = new WeakMap();

/** Sums of one kind. */
class Row {
  count = 0;
  bytes = 0;
  largest = 0;
  oldestMs = 0;

  constructor(kind, source, route) {
    this.kind = kind;
    if (route !== undefined) this.route = route;
    this.source = source;
  }

  /** Adds `bytes` of an object that stands for `share` of them. */
  add(object, bytes, share, now) {
    if (!(bytes > 0)) return since.delete(object);
    if (!since.has(object)) since.set(object, now);
    this.count += share;
    this.bytes += bytes * share;
    this.largest = Math.max(this.largest, bytes);
    this.oldestMs = Math.max(this.oldestMs, Math.round(now - since.get(object)));
  }
}

const WRITABLE = 'writableLength';
/** Kind -> where its figures are from. */
const SOURCES = {
  sockets: WRITABLE,
  responses: WRITABLE,
  requests: WRITABLE,
  upgraded: `${WRITABLE} of sockets after an upgrade or CONNECT`,
  http2: `${WRITABLE} of streams that servers answer`,
  files: `${WRITABLE} of fs.createWriteStream()`,
  children: `${WRITABLE} of stdin, and the queue of the channel`,
  zlib: 'what a stream of its kind takes, and its writableLength',
  bodies: 'bytesRead of connections',
};

/** Kinds that only ralloc/auto and a recorder note. */
const NOTED = ['files', 'zlib'];

const isSeen = (kind) => node.isPatched() || !NOTED.includes(kind);

/** What a socket's queue is of. Once a server has passed a connection on, Node's parser is gone. */
function useOf({ [kMessage]: message, server, parser }) {
  if (message) return message.req === undefined ? 'requests' : 'responses';
  return server?.maxHeadersCount !== undefined && parser === null ? 'upgraded' : 'sockets';
}

const queueOf = (child) => child[symbolOf(child, kChannel)]?.writeQueueSize ?? 0;

/**
 * Class of node:zlib -> what one takes at its first bytes, and how much more as it gets further
 * ones; measured, by default options. Those of Brotli and Zstandard take more by other ones.
 */
const TAKES = {
  deflate: [211 * KiB, 58 * KiB],
  inflate: [10 * KiB, 32 * KiB],
  BrotliCompress: [0, 188 * KiB],
  BrotliDecompress: [24 * KiB, 204 * KiB],
  ZstdCompress: [790 * KiB, 444 * KiB],
  ZstdDecompress: [5 * KiB, 246 * KiB],
};
const NAMES = {
  ...{ Deflate: 'deflate', DeflateRaw: 'deflate', Gzip: 'deflate' },
  ...{ Gunzip: 'inflate', Inflate: 'inflate', InflateRaw: 'inflate', Unzip: 'inflate' },
};

/** Bytes that a stream of node:zlib has outside of V8: nothing before the first write. */
function takenBy({ bytesWritten, constructor: { name } }) {
  const [first, more] = TAKES[NAMES[name] ?? name] ?? [0, 0];
  return bytesWritten > 0 ? first + Math.min(bytesWritten, more) : 0;
}

/**
 * Bytes that the open streams of node:zlib take, and the handles that wait for the next; undefined
 * if nobody notes them.
 */
function zlibBytes() {
  if (!node.isPatched()) return undefined;
  const { objects, share } = node.kinds.zlib.some(SHARE);
  const idle = compressors.idle * (TAKES.deflate[0] + TAKES.deflate[1]);
  return idle + share * objects.reduce((sum, stream) => sum + attempt(() => takenBy(stream), 0), 0);
}

/**
 * A first segment that names a part of an application, as `upload`, `api` and `v1` do, and nobody's
 * data.
 */
const NAME = /^\/[a-z][a-z_-]{0,23}\d?(?=\/|$)/i;

/**
 * The first segment of a path, if it is a name, and whether there are more: paths hold ids, tokens
 * and addresses.
 */
function headOf(url) {
  const [path] = url.split(/[?#;]/, 1);
  const [head] = NAME.exec(path) ?? [path === '/' ? '/' : '/…'];
  return path.length > head.length && head !== '/…' ? `${head}/…` : head;
}

/** The pattern of a route, if the framework tells it, else what its path begins with. */
function routeOf({ method, baseUrl = '', route, url }) {
  if (typeof route?.path !== 'string') return `${method} ${headOf(baseUrl + url)}`;
  return `${method} ${baseUrl === '' ? '' : headOf(baseUrl)}${route.path}`;
}

/**
 * The body of the request that a connection's response is for: as in LOOKS, undefined if it has
 * none. The bytes have come, and its handler may have them.
 */
function bodyIn({ [kMessage]: message, bytesRead, [node.kRead]: before }) {
  const request = message?.req;
  if (before === undefined || request === undefined || node.hasNoBody(request.method))
    return undefined;
  const length = Number(request.headers['content-length']);
  const bytes = request.complete && length >= 0 ? length : bytesRead - before;
  return ['bodies', bytes, routeOf(request), request];
}

/**
 * Each looks at an object of a kind: [the row's kind, bytes, its route, the object that they are
 * of].
 */
const LOOKS = {
  sockets: (socket) => [useOf(socket), socket.writableLength],
  bodies: bodyIn,
  http2: (stream) => ['http2', stream.writableLength],
  children: (child) => ['children', queueOf(child) + (child.stdin?.writableLength ?? 0)],
  files: (stream) => ['files', stream.writableLength],
  zlib: (stream) => ['zlib', takenBy(stream) + stream.writableLength],
};
const OF = { bodies: 'sockets' };
const SHARE = Math.floor(MOST / Object.keys(LOOKS).length);

const UNKNOWN = { kind: 'messages', source: 'not known: Node does not tell what waits in ports' };
const UNSEEN = NOTED.map((kind) => ({
  kind,
  source: 'not known: only ralloc/auto and a recorder note them',
}));

/** The blocks of Node's pool that small Buffers keep, of those that `pool-size` has asked for. */
function pinned() {
  const { alive, asked, size, from } = pool;
  if (asked === 0) return [];
  const largest = size || from;
  const source = `alive of ${asked} blocks of Node's pool that were let go`;
  return [{ kind: 'pool', source, count: alive, bytes: alive * largest, largest, oldestMs: 0 }];
}

/** The row of a kind and a route; of bodies, the last one has all routes that have none. */
function rowFor(rows, kind, route) {
  const title = `${kind} ${route ?? ''}`;
  const known = rows.get(title);
  if (known !== undefined) return known;
  if (route !== undefined && route !== OTHERS && rows.size >= MOST_ROWS)
    return rowFor(rows, kind, OTHERS);
  const row = new Row(kind, SOURCES[kind], route);
  rows.set(title, row);
  return row;
}

function look(now) {
  const rows = new Map();
  let isSample = false;
  for (const [kind, lookAt] of Object.entries(LOOKS)) {
    if (!isSeen(kind)) continue;
    const { objects, share } = node.kinds[OF[kind] ?? kind].some(SHARE);
    isSample ||= share > 1;
    for (const object of objects) {
      attempt(() => {
        const found = lookAt(object);
        if (found === undefined) return;
        const [name, bytes, route, key = object] = found;
        rowFor(rows, name, route).add(key, bytes, share, now);
      });
    }
  }
  const found = [...rows.values(), ...pinned()].filter(({ count }) => count > 0);
  found.sort((one, other) => other.bytes - one.bytes);
  found.push(...(node.isPatched() ? [] : UNSEEN), UNKNOWN);
  return { rows: found, isSample };
}

/** Request -> when it was first seen in flight. */
const seen = new WeakMap();

function noteInFlight(rows, socket, share, now) {
  const { req: request } = socket[kMessage] ?? {};
  if (request === undefined) return;
  if (!seen.has(request)) seen.set(request, now);
  const row = rowFor(rows, 'requests', routeOf(request));
  const [, body = 0] = bodyIn(socket) ?? [];
  row.count += share;
  row.bytes += (body + socket[kMessage].writableLength) * share;
  row.oldestMs = Math.max(row.oldestMs, Math.round(now - seen.get(request)));
}

/**
 * Requests of HTTP/1 that are in flight, by route: `[{ route, count, bytes, oldestMs }]`, with the
 * most bytes first. `bytes`: what of their bodies has come, and what of their responses waits. For
 * several looks a second.
 */
function inFlight() {
  const rows = new Map();
  const now = time.now();
  const { objects, share } = node.kinds.sockets.peek(MOST_IN_FLIGHT);
  for (const socket of objects) attempt(() => noteInFlight(rows, socket, share, now));
  const all = [...rows.values()].map(({ route, count, bytes, oldestMs }) => ({
    ...{ route, count, bytes, oldestMs },
  }));
  return all.sort((one, other) => other.bytes - one.bytes || other.count - one.count);
}

/** Kind -> `{ count, bytes }`, of all routes, of what is known: also where nothing waits. */
function sumsOf(rows) {
  const kinds = Object.keys(SOURCES).filter(isSeen);
  const sums = new Map(kinds.map((kind) => [kind, { count: 0, bytes: 0 }]));
  for (const { kind, count, bytes } of rows) {
    if (bytes === undefined) continue;
    const before = sums.get(kind) ?? { count: 0, bytes: 0 };
    sums.set(kind, { count: before.count + count, bytes: before.bytes + bytes });
  }
  return sums;
}

let latest;
let lookedAt = Number.NEGATIVE_INFINITY;

/**
 * What waits now, or did a second ago at most. The first call begins to watch, and finds what was
 * made since.
 */
function inventory() {
  const now = time.now();
  node.watch();
  if (latest === undefined || now - lookedAt >= LOOK_MS) {
    latest = look(now);
    lookedAt = now;
  }
  return latest;
}

module.exports = { inFlight, inventory, routeOf, sumsOf, zlibBytes };
