'use strict';

// A server that makes tables of numbers, and keeps the encoded answers in a region: the bytes are no matter of V8's collector.
//
//   node examples/response-cache.js [--port 7020] [--memory MiB]
//   curl --compressed http://127.0.0.1:7020/table/5000
//
// An answer that is asked for again comes from the cache. What was not asked for the longest is evicted when the region is full, and freed at once,
// also while it is written to a client that reads slowly: the guard keeps its bytes until they are out. Where many ask for the same answer at
// once it is made once.

const { once } = require('node:events');
const http = require('node:http');
const { parseArgs, promisify } = require('node:util');
const zlib = require('node:zlib');
const { Region } = require('ralloc');
const { program } = require('./shared/program.js');

const gzip = promisify(zlib.gzip);
const MiB = 2 ** 20;
const MOST_ROWS = 100_000;
const ROWS = /^\/table\/(\d{1,6})$/;

/** Bytes by their names, of which the ones that were not asked for the longest go first. */
class ByteCache {
  #region;
  #entries = new Map(); // the next to go first
  counts = { hits: 0, misses: 0, evictions: 0, tooLarge: 0 };

  constructor(maxBytes) {
    this.#region = new Region({ maxBytes, guard: true, name: 'responses' });
  }

  get(name) {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      this.counts.misses++;
      return undefined;
    }
    this.counts.hits++;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry;
  }

  /** Keeps a copy of `bytes`, if they fit at all. */
  set(name, bytes) {
    this.#drop(name);
    let entry = this.#region.tryAllocUnsafe(bytes.length);
    for (const oldest of this.#entries.keys()) {
      if (entry !== null) break;
      this.#drop(oldest);
      this.counts.evictions++;
      entry = this.#region.tryAllocUnsafe(bytes.length);
    }
    if (entry === null) {
      this.counts.tooLarge++;
      return;
    }
    entry.set(bytes);
    this.#entries.set(name, entry);
  }

  #drop(name) {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#region.free(entry);
  }

  stats() {
    return { ...this.counts, entries: this.#entries.size, region: this.#region.stats() };
  }

  close() {
    this.#region.close({ force: true });
  }
}

/** What is asked for, as an application would render it. */
function render(rows) {
  const lines = Array.from({ length: rows }, (_, i) => `${i},${i * i},${Math.sqrt(i).toFixed(6)}`);
  return gzip(`number,square,root\n${lines.join('\n')}\n`);
}

class CachingServer {
  #cache;
  #making = new Map(); // name → the promise of its bytes
  #server = http.createServer((req, res) => this.#serve(req, res));

  constructor({ memory = 64 * MiB } = {}) {
    this.#cache = new ByteCache(memory);
  }

  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  async #serve(req, res) {
    const rows = Number(ROWS.exec(req.url)?.[1] ?? Number.NaN);
    if (!(rows <= MOST_ROWS)) {
      res.writeHead(404).end();
      return;
    }
    try {
      const body = this.#cache.get(req.url) ?? (await this.#make(req.url, rows));
      res.writeHead(200, {
        'content-type': 'text/csv',
        'content-encoding': 'gzip',
        'content-length': body.length,
      });
      res.end(body);
    } catch (error) {
      res.destroy(error);
    }
  }

  /** The bytes on the heap; from now on they are in the cache. */
  #make(name, rows) {
    let made = this.#making.get(name);
    if (made !== undefined) return made;
    made = render(rows)
      .then((bytes) => {
        this.#cache.set(name, bytes);
        return bytes;
      })
      .finally(() => this.#making.delete(name));
    this.#making.set(name, made);
    return made;
  }

  stats() {
    return this.#cache.stats();
  }

  /** Takes no more connections, and resolves when all answers are out. */
  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
    this.#cache.close();
  }
}

const options = {
  port: { type: 'string', default: '7020' },
  host: { type: 'string', default: '127.0.0.1' },
  memory: { type: 'string', default: '64' },
};

function parse(args) {
  const { port, host, memory } = parseArgs({ args, options }).values;
  const bytes = Number(memory) * MiB;
  if (!Number.isInteger(Number(port)) || !(bytes >= MiB)) throw new Error('wrong number');
  return { port: Number(port), host, memory: bytes };
}

program(module, {
  usage: 'usage: node examples/response-cache.js [--port PORT] [--host HOST] [--memory MiB]',
  parse,
  create: (given) => new CachingServer(given),
  tell(server) {
    const { hits, misses, evictions } = server.stats();
    return [`${hits} answers from the cache, ${misses} not; ${evictions} evictions`];
  },
});

module.exports = { ByteCache, CachingServer };
