'use strict';

// A service of Express that answers with pages of rows, as it was left by `ralloc profile`, `ralloc bake` and `ralloc apply` (docs/guide/placement.md):
//
//   node examples/rows-service.js [--port 7030] [--page KiB]
//   curl http://127.0.0.1:7030/users/ann/rows/5
//
//   rows/rows.js      dies with its request: `perRequest`, which is what `ralloc apply` has written
//   rows/reports.js   a cache: in a region, with the free where an entry is let go, which `ralloc apply` tells
//   rows/sessions.js  a store: in the same region, with the free where a session ends
//   rows/journal.js   a leak: as it was
//
// Where the event loop has little to do, free pages of the region go back to the system (collectWhenIdle), and so does what arenas have kept and
// no request has used for a second. The service looks each second, and says so: on its output, by the event `trim`, and under /stats.

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { parseArgs } = require('node:util');
const express = require('express');
const { Region, requestArena, stats } = require('ralloc');
const { startOf, text } = require('./rows/lines.js');
const { note } = require('./rows/journal.js');
const { Reports } = require('./rows/reports.js');
const { parseRows } = require('./rows/rows.js');
const { Sessions } = require('./rows/sessions.js');
const { program } = require('./shared/program.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const MOST_PAGE = 8 * MiB;
const MOST_KEPT = 64 * MiB; // of reports and sessions
const LOOK_MS = 1000;
const CLOSE_MS = 10_000;

class RowsService extends EventEmitter {
  #arenas = requestArena({ context: true });
  #region = new Region({ maxBytes: MOST_KEPT, guard: true, name: 'reports and sessions' });
  #reports;
  #sessions;
  #server;
  #timer;
  #last; // of #look()
  #trimmed = { times: 0, last: null };

  /** `pageBytes` of a page of rows; at most so many `reports` and `sessions` are kept. */
  constructor({ pageBytes = 256 * KiB, reports = 400, sessions = 1000 } = {}) {
    super();
    this.#reports = new Reports(this.#region, reports);
    this.#sessions = new Sessions(this.#region, sessions);
    this.app = this.#route(pageBytes);
    this.#server = http.createServer(this.app);
    this.#last = this.#taken();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #route(pageBytes) {
    const app = express();
    app.use(this.#arenas);
    app.param('page', (_req, res, next, page) => {
      if (/^\d{1,9}$/.test(page)) next();
      else res.sendStatus(404);
    });
    app.get('/users/:user/rows/:page', ({ params }, res) => {
      const page = Number(params.page);
      const session = this.#sessions.of(params.user);
      const rows = parseRows(text, startOf(page), pageBytes);
      const report = this.#reports.get(page % 1000, text, startOf(page % 1000));
      note(params.user, page);
      res.set('x-session', session.toString('latin1', 0, 16));
      res.set('x-report', report.toString('latin1', 0, 8));
      res.end(rows);
    });
    app.get('/reports/:page', ({ params }, res) => {
      const page = Number(params.page);
      res.type('html');
      res.end(this.#reports.get(page, text, startOf(page)));
    });
    app.delete('/users/:user', ({ params }, res) => {
      this.#sessions.end(params.user);
      res.sendStatus(204);
    });
    app.delete('/reports', (_req, res) => {
      this.#reports.clear();
      res.sendStatus(204);
    });
    app.get('/stats', (_req, res) => res.json(this.stats()));
    return app;
  }

  /** Bytes that may be backed by memory. */
  #taken() {
    const { committed } = this.#arenas.stats().memory;
    return {
      region: this.#region.stats().committed,
      arenas: committed + stats().depot.committed,
    };
  }

  /** What went back since the last look. */
  #look() {
    const before = this.#last;
    const after = this.#taken();
    this.#last = after;
    const [region, arenas] = ['region', 'arenas'].map((of) => Math.max(0, before[of] - after[of]));
    if (region + arenas === 0) return;
    this.#trimmed = { times: this.#trimmed.times + 1, last: { before, after } };
    this.emit('trim', { region, arenas });
  }

  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  stats() {
    const { requests, inFlight, heapRequests, memory } = this.#arenas.stats();
    return {
      rss: process.memoryUsage.rss(),
      arenas: { requests, inFlight, heapRequests, memory },
      region: this.#region.stats(),
      trimmed: this.#trimmed,
    };
  }

  /** Takes no more connections, and resolves when all answers are out. */
  async close() {
    clearInterval(this.#timer);
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
    await this.#arenas.close({ timeoutMs: CLOSE_MS });
    this.#region.close({ force: true });
  }
}

const options = {
  port: { type: 'string', default: '7030' },
  host: { type: 'string', default: '127.0.0.1' },
  page: { type: 'string', default: '256' },
};

function parse(args) {
  const { port, host, page } = parseArgs({ args, options }).values;
  const pageBytes = Number(page) * KiB;
  const isPage = Number.isSafeInteger(pageBytes) && pageBytes > 0 && pageBytes <= MOST_PAGE;
  if (!isPage || !Number.isInteger(Number(port))) throw new Error('wrong number');
  return { port: Number(port), host, pageBytes };
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

program(module, {
  usage: 'usage: node examples/rows-service.js [--port PORT] [--host HOST] [--page KiB]',
  parse,
  create: (given) =>
    new RowsService(given).on('trim', ({ region, arenas }) =>
      console.log(`${megabytes(region)} of the region went back, ${megabytes(arenas)} of arenas`),
    ),
  tell(service) {
    const { arenas, region } = service.stats();
    return [`${arenas.requests} requests; ${megabytes(region.collected)} went back`];
  },
});

module.exports = { RowsService };
