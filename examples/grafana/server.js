'use strict';

// A server that has some of everything that the dashboard shows, and does a little with each request:
//
//   node examples/grafana/server.js [PORT]
//   curl http://127.0.0.1:3000/frame; curl -d hello http://127.0.0.1:3000/upload; curl http://127.0.0.1:3000/metrics

const { setTimeout: sleep } = require('node:timers/promises');
const express = require('express');
const { Budget, Region, Slab, metricsContentType, metricsText, requestArena } = require('ralloc');

const KiB = 1024;
const MiB = 1024 * KiB;
const WORK_MS = 20;

function application() {
  const all = new Budget({ name: 'all', maxBytes: 16 * MiB });
  const uploads = new Budget({ name: 'uploads', maxBytes: 2 * MiB, parent: all });
  const frames = new Slab({ name: 'frames', sizes: [16 * KiB, 64 * KiB], count: 24 });
  const cache = new Region({ name: 'cache', maxBytes: 4 * MiB, budget: all });
  const entries = new Map();

  /** An entry is of another size each time, so that the region's bytes are scattered. */
  function keep(key, size) {
    if (entries.has(key)) cache.free(entries.get(key));
    entries.delete(key);
    const entry = cache.tryAlloc(size);
    if (entry !== null) entries.set(key, entry);
  }

  const app = express();
  app.get('/metrics', (req, res) => {
    const options = { openMetrics: req.get('accept') };
    res.type(metricsContentType(options)).send(metricsText(options));
  });

  app.get('/frame', requestArena({ name: 'frames', maxBytes: 2 * MiB }), async (req, res) => {
    const size = KiB * (1 + Math.floor(60 * Math.random()));
    const frame = frames.tryAlloc(size);
    if (frame === null) return res.status(503).end('no slot is free');
    keep(Math.floor(100 * Math.random()), size);
    await sleep(WORK_MS);
    const answer = req.arena.alloc(size);
    frame.copy(answer);
    frames.free(frame);
    res.end(answer);
  });

  const waiting = { timeoutMs: 2 * WORK_MS };
  app.post('/upload', requestArena({ name: 'uploads', maxBytes: 8 * MiB }), async (req, res) => {
    const charge = await uploads.acquire(256 * KiB, waiting);
    try {
      const body = await req.arena.body();
      await sleep(WORK_MS);
      res.end(`${body.length} bytes\n`);
    } finally {
      charge.release();
    }
  });
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).end(`${error.message}\n`));

  function close() {
    cache.close({ force: true });
    frames.close({ force: true });
    for (const budget of [uploads, all]) budget.close();
  }
  return { app, close };
}

if (require.main === module) {
  const server = application().app.listen(process.argv[2] ?? 3000, '127.0.0.1', () => {
    console.log(`http://127.0.0.1:${server.address().port}`);
    process.send?.(server.address().port);
  });
}

module.exports = { application };
