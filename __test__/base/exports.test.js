'use strict';
// tier: run-time, differs

// Each export once, as its users call it: what .ci/run still asks of every Node and of the fallback where the other tests do not run. Adapters and
// what has a room of its own there (guard, memory, requests) have more.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const promClient = require('prom-client');
const { Readable, Writable } = require('node:stream');
const { gunzipSync } = require('node:zlib');
const { adapters, serveOn } = require('../helpers/adapters.js');
const { isNative } = require('../helpers/backend.js');
const { Client } = require('../helpers/client.js');
const { folder } = require('../helpers/folder.js');
const { serveOnly } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const ralloc = require('ralloc');

const text = 'ralloc';

const used = {
  Arena(t, { Arena }) {
    const arena = new Arena();
    const buffer = arena.from(text);
    t.is(buffer.toString(), text);
    arena.reset();
    t.is(buffer.length, 0);
    arena.close();
  },
  async Budget(t, { Budget }) {
    const all = new Budget({ name: 'all', maxBytes: 100 });
    const charge = all.charge(100);
    t.is(all.tryCharge(1), null);
    const waiting = all.acquire(50);
    charge.release();
    t.is((await waiting).bytes, all.used);
    all.close();
  },
  RallocError(t, { Arena, RallocError }) {
    const arena = new Arena({ maxBytes: 4096 });
    const error = t.throws(() => arena.alloc(5000), { code: 'ERR_RALLOC_LIMIT' });
    t.true(error instanceof RallocError);
    arena.close();
  },
  Region(t, { Region }) {
    const region = new Region();
    const buffer = region.alloc(100, 'x');
    t.is(buffer.toString(), 'x'.repeat(100));
    region.free(buffer);
    t.is(region.stats().used, 0);
    region.close();
  },
  Slab(t, { Slab }) {
    const slab = new Slab({ sizes: [64], count: 4 });
    const buffer = slab.alloc(10, 'x');
    t.is(buffer.toString(), 'x'.repeat(10));
    slab.free(buffer);
    t.throws(() => slab.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    slab.close();
  },
  adaptPoolSize(t, { adaptPoolSize, stats }) {
    t.is(adaptPoolSize(), stats().pool.size > 0);
  },
  async admission(t, { Budget, admission }) {
    const budget = new Budget({ maxBytes: 1000 });
    const admit = admission({ budget });
    const port = await serveOnly(
      t,
      admit.wrap((_req, res) => res.end(`${budget.used}`)),
    );
    const client = await Client.connect(port);
    t.is(`${(await client.get('/', { method: 'POST', body: text })).body}`, '12');
    t.is((await client.get('/', { method: 'POST', body: text.repeat(100) })).status, 413);
    await client.destroy();
    await until(() => admit.stats().open === 0 && budget.used === 0);
  },
  backend: (t, { backend }) => t.is(backend, isNative ? 'native' : 'js'),
  backendReason: (t, { backend, backendReason }) =>
    t.is(backendReason === undefined, backend === 'native'),
  collectMetrics(t, { collectMetrics }) {
    const register = new promClient.Registry();
    collectMetrics(promClient, { register });
    t.truthy(register.getSingleMetric('ralloc_build_info'));
  },
  async compressors(t, { compressors }) {
    const stream = compressors().createGzip();
    stream.end(text);
    t.is(`${gunzipSync(Buffer.concat(await stream.toArray()))}`, text);
  },
  configureDebug: (t, { configureDebug }) =>
    t.throws(() => configureDebug({ level: 1 }), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }),
  current: (t, { current }) => t.is(current(), undefined),
  async files(t, { files }) {
    const file = path.join(folder(t), 'large');
    fs.writeFileSync(file, Buffer.alloc(200_000, text));
    const chunks = await fs.createReadStream(file, { end: 199_999, ...files() }).toArray();
    t.deepEqual(
      chunks.map(({ length }) => length),
      [200_000],
    );
  },
  flightRecorder(t, { flightRecorder }) {
    const dir = folder(t);
    const recorder = flightRecorder({ dir });
    t.deepEqual(fs.readdirSync(dir), [path.basename(recorder.file)]);
    recorder.close();
    t.throws(() => flightRecorder({ folder: dir }), { code: 'ERR_RALLOC_INVALID_ARGUMENT' });
  },
  leakReport: (t, { leakReport }) =>
    t.throws(() => leakReport(), { code: 'ERR_RALLOC_UNSUPPORTED' }),
  loadTable: (t, { loadTable }) =>
    t.throws(() => loadTable(1), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }),
  metricsContentType: (t, { metricsContentType }) => t.regex(metricsContentType(), /^text\/plain/),
  metricsText: (t, { metricsText }) => t.regex(metricsText(), /^ralloc_build_info\{/m),
  observeMetrics: (t, { observeMetrics }) =>
    t.throws(() => observeMetrics({}), { code: 'ERR_RALLOC_INVALID_ARGUMENT' }),
  perRequest: (t, { perRequest }) => t.is(perRequest.from(text).toString(), text),
  previousExit: (t, { previousExit }) => t.is(previousExit(), undefined),
  profiler(t, { profiler }) {
    const file = profiler.start({ file: path.join(folder(t), 'one.jsonl') });
    Buffer.alloc(1 << 20);
    t.is(profiler.stop(), file);
    t.true(fs.statSync(file).size > 0);
  },
  async pump(t, { pump }) {
    const chunks = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(`${chunk}`);
        done();
      },
    });
    await pump(Readable.from([Buffer.from(text)], { objectMode: false }), sink);
    t.deepEqual(chunks, [text]);
  },
  readiness(t, { readiness }) {
    t.deepEqual(readiness(), { ready: true, reason: undefined });
  },
  async release(t, { release }) {
    let buffer;
    await until(() => {
      buffer = Buffer.alloc(1 << 16);
      return release(buffer) === 1 << 16; // on Node 20 not yet in the first turn
    });
    t.is(buffer.length, 0);
  },
  async requestArena(t) {
    const answer = ({ arena }) => arena.from(text);
    const { connect, arenas } = await serveOn(t, 'express 5', answer);
    const client = await connect();
    t.is(`${(await client.get('/')).body}`, text);
    await client.destroy();
    t.is(arenas.stats().requests, 1);
  },
  sampleStats(t, { sampleStats }) {
    t.throws(() => sampleStats(), { code: 'ERR_RALLOC_UNSUPPORTED', message: /Call stats\(\) at/ });
  },
  site: (t, { site }) => t.is(site('exports').alloc(10).length, 10),
  slab(t, { slab }) {
    const buffer = slab.alloc(100);
    t.deepEqual(buffer, Buffer.alloc(100));
    slab.free(buffer);
  },
  stats: (t, { stats }) => t.is(stats().backend, ralloc.backend),
  verify: (t, { verify }) => t.throws(() => verify(), { code: 'ERR_RALLOC_UNSUPPORTED' }),
  version: (t, { version }) => t.is(version, require('ralloc/package.json').version),
};

for (const [name, use] of Object.entries(used)) {
  test.serial(`${name} works`, async (t) => {
    await use(t, ralloc);
  });
}

test('these are all exports', (t) => {
  t.deepEqual(Object.keys(used).sort(), Object.keys(ralloc).sort());
});

test.serial('a stub can take the place of each, and go again', (t) => {
  for (const name of Object.keys(ralloc)) {
    const before = Object.getOwnPropertyDescriptor(ralloc, name);
    const stub = () => {};
    ralloc[name] = stub;
    t.is(ralloc[name], stub, name);
    Object.defineProperty(ralloc, name, before);
    t.not(ralloc[name], stub, name);
  }
});

for (const name of adapters) {
  test.serial(`the adapter of ${name} works`, async (t) => {
    const { connect, arenas } = await serveOn(t, name, ({ arena }) => arena.from(text));
    const client = await connect();
    t.is(`${(await client.get('/')).body}`, text);
    await client.destroy();
    t.is(arenas.stats().requests, 1);
  });
}
