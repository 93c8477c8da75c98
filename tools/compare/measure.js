'use strict';

// Loaded before a server that `ralloc compare` starts: writes where it listens and, ten times a
// second, what it has used. Each line is appended to a file that the command reads, so that nothing
// is lost however the server ends. All variants load it first. It loads nothing of ralloc but
// meter.js.

const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const process = require('node:process');
const { isMainThread } = require('node:worker_threads');
const { bucketOf } = require('./buckets.js');
const { peakRss } = require('./meter.js');

const ROW_MS = 100;
/** How many addresses of GET requests to note: they are asked again, to compare the answers. */
const MOST_ASKED = 12;
const ASKER = 'ralloc compare'; // run.js, whose requests are not of the load
const HEADERS = ['accept', 'accept-encoding', 'authorization', 'cookie'];

class Measured {
  #file;
  #requests = 0;
  #connections = 0;
  #times = {};
  #statuses = {};
  #asked = new Set();
  #begun = new WeakMap(); // request → when it began

  constructor(folder) {
    this.#file = path.join(folder, `${process.pid}`);
    subscribe('net.server.socket', () => this.#connections++);
    subscribe('http.server.request.start', ({ request }) => {
      this.#requests++;
      this.#begun.set(request, performance.now());
      if (request.method === 'GET' && this.#asked.size < MOST_ASKED) this.#note(request);
    });
    subscribe('http.server.response.finish', ({ request, response: { statusCode } }) => {
      const began = this.#begun.get(request);
      const bucket = bucketOf(performance.now() - began);
      if (began !== undefined) this.#times[bucket] = (this.#times[bucket] ?? 0) + 1;
      this.#statuses[statusCode] = (this.#statuses[statusCode] ?? 0) + 1;
    });
    this.#write({ node: process.versions.node });
    const timer = setInterval(() => this.#row() || clearInterval(timer), ROW_MS);
    timer.unref();
    this.#row();
  }

  /** Returns false if the command is gone, or nothing may be written there. */
  #write(line) {
    try {
      appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
      return true;
    } catch {
      return false;
    }
  }

  #note({ url, headers }) {
    if (this.#asked.has(url) || headers['user-agent'] === ASKER) return;
    this.#asked.add(url);
    const sent = HEADERS.filter((name) => headers[name] !== undefined);
    this.#write({
      asked: { url, headers: Object.fromEntries(sent.map((it) => [it, headers[it]])) },
    });
  }

  #row() {
    const { user, system } = process.cpuUsage();
    const counts = { requests: this.#requests, connections: this.#connections };
    const seen = { times: this.#times, statuses: this.#statuses }; // since the last row
    [this.#times, this.#statuses] = [{}, {}];
    const memory = { rss: process.memoryUsage.rss(), peak: peakRss() };
    return this.#write({ at: Date.now(), cpu: user + system, ...memory, ...counts, ...seen });
  }

  listens(server) {
    const isHttp2 = /^Http2/.test(server.constructor.name);
    if (isHttp2) server.prependListener('stream', () => this.#requests++);
    const { requestTimeout } = server; // of HTTP alone
    const kind = isHttp2 ? 'http2' : requestTimeout === undefined ? 'tcp' : 'http';
    this.#write({
      listens: { address: server.address(), kind, isSecure: 'setSecureContext' in server },
    });
  }
}

const { RALLOC_COMPARE_ROWS: rows } = process.env;
if (rows && isMainThread) {
  let measured;
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function first(...args) {
    this.prependOnceListener('listening', () => {
      measured ??= new Measured(rows);
      measured.listens(this);
    });
    return Reflect.apply(listen, this, args);
  };
}
