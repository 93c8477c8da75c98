// A variant of an application, as a process of its own: node serve.js APP plain|ralloc. Called as
// demo/server.js is, by method/servers.js.

const { once } = require('node:events');
const path = require('node:path');
const { answerCalls } = require('../method/child.js');
const { Meter, peakRss } = require('../../tools/compare/meter.js');
const { APPLICATIONS } = require('./applications.js');

const [name, variant] = process.argv.slice(2);
const LONG = 10 * 60 * 1000; // kept-alive connections rest while the other variants have their turn
const EACH_US = 200; // a sample of the profiler's

let meter = null;
let session = null;

answerCalls({
  /** Listens; answers the port. `upstream`: the port of the server behind the application. */
  async listen({ upstream }) {
    const create = require(path.join(__dirname, 'servers', APPLICATIONS[name][variant]));
    const created = await create(upstream);
    meter = new Meter();
    if (typeof created === 'number') return created; // it listens already
    const server = created.listen(0, '127.0.0.1');
    server.keepAliveTimeout = LONG;
    if (!server.listening) await once(server, 'listening');
    return server.address().port;
  },

  /** What was used since the last lap, and the peak of RSS so far. */
  lap: async () => ({ rss: peakRss(), heapFallbacks: 0, ...(await meter.lap()) }),

  /** What is resident now. */
  sample: () => process.memoryUsage.rss(),

  /** Begins a profile of this thread, which profiled() answers, in the inspector's format. */
  async profile() {
    const inspector = require('node:inspector/promises'); // loaded here alone, for its memory
    session = new inspector.Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: EACH_US });
    await session.post('Profiler.start');
  },

  async profiled() {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  },
});
