'use strict';

// A server of the demo, as a process of its own: node server.js SERVER ALLOCATOR (servers/, allocators.js)

const allocators = require('./allocators.js');
const { answerCalls } = require('../bench/method/child.js');
const burner = require('./burner.js');
const files = require('./files.js');
const createHandlers = require('./handler.js');
const { Meter, peakRss } = require('../tools/compare/meter.js');
const servers = require('./servers/index.js');

const [kind, allocator] = process.argv.slice(2);
const LONG = 10 * 60 * 1000; // kept-alive connections rest while the other servers have their turn

let served = 0;
let meter = null;
let stats = null;

answerCalls({
  /**
   * Reads the files and listens; answers the port. `upstream`: the port of the server behind the mix `proxy`; `burn`: microseconds of CPU that
   * each request wastes.
   */
  async listen({ copies, upstream, port, burn }) {
    const handlers = createHandlers(files.load(copies), files.manifest(), upstream);
    const created = await servers.create(kind, allocators[allocator](), handlers);
    const { server } = created;
    stats = created.stats;
    server.keepAliveTimeout = LONG;
    if (burn) server.prependListener('request', burner(burn));
    server.on('request', () => served++);
    meter = new Meter();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  },

  /** What was used since the last lap; and so far: the peak of RSS, arenas that had to use the heap. */
  async lap() {
    const heapFallbacks = stats?.().heapRequests ?? 0;
    const lap = { served, rss: peakRss(), heapFallbacks, ...(await meter.lap()) };
    served = 0;
    return lap;
  },

  /** What is resident now. */
  sample: () => process.memoryUsage.rss(),
});
