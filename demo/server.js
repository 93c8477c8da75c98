'use strict';

// A server of the demo, as a process of its own: node server.js express|http ALLOCATOR

const http = require('node:http');
const allocators = require('./allocators.js');
const { answerCalls } = require('./child.js');
const burner = require('./burner.js');
const files = require('./files.js');
const createHandlers = require('./handler.js');
const { Meter, peakRss } = require('./meter.js');

const [kind, allocator] = process.argv.slice(2);
const LONG = 10 * 60 * 1000; // kept-alive connections rest while the other servers have their turn

function fail(res, err) {
  res.statusCode = 500;
  res.end(err.stack);
}

function overExpress(middleware, handlers) {
  const app = require('express')();
  app.use(middleware);
  for (const [mix, handle] of Object.entries(handlers)) {
    app.all(`/${mix}/:id{/:form}`, (req, res) =>
      handle(req, res, Number(req.params.id), req.params.form === 'whole'),
    );
  }
  app.use((err, _req, res, _next) => fail(res, err));
  return app;
}

function overHttp(middleware, handlers) {
  return (req, res) => {
    middleware(req, res, async (err) => {
      try {
        if (err) throw err;
        const [, mix, id, form] = req.url.split('/');
        await handlers[mix](req, res, Number(id), form === 'whole');
      } catch (thrown) {
        fail(res, thrown);
      }
    });
  };
}

let served = 0;
let meter = null;
let middleware = null;

answerCalls({
  /** Reads the files and listens; answers the port. `burn`: microseconds of CPU that each request wastes. */
  listen({ copies, port, burn }) {
    const handlers = createHandlers(files.load(copies), files.manifest());
    middleware = allocators[allocator]();
    if (burn) middleware = burner(middleware, burn);
    const app = (kind === 'express' ? overExpress : overHttp)(middleware, handlers);
    const server = http.createServer(app);
    server.keepAliveTimeout = LONG;
    server.on('request', () => served++);
    meter = new Meter();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  },

  /** What was used since the last lap; and so far: the peak of RSS, arenas that had to use the heap. */
  async lap() {
    const heapFallbacks = middleware.stats?.().heapRequests ?? 0;
    const lap = { served, rss: peakRss(), heapFallbacks, ...(await meter.lap()) };
    served = 0;
    return lap;
  },

  /** What is resident now. */
  sample: () => process.memoryUsage.rss(),
});
