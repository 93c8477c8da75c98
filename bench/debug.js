'use strict';

// What debug mode costs: one allocation of an arena, a pair of a slab's and of a region's, by level; and the demo's ingest on Express (a POST of 64 KiB, sixteen
// pieces of it framed into one Buffer), of whose 17 Buffers and one body `sample` watches one of 128.
//
// Caveats: in the loops the levels take turns in one process, so that `off` has the type feedback of the others; that it costs nothing of itself is a matter of
// its code, which is the same as without debug mode. A stack is nearly all that `full` costs, and is here one of few frames.

const allocators = require('../demo/allocators.js');
const files = require('../demo/files.js');
const createHandlers = require('../demo/handler.js');
const createExpress = require('../demo/servers/express.js');
const { Arena, Region, Slab, configureDebug } = require('..');
const { compare } = require('./harness.js');
const { compareServers } = require('./servers.js');

const SIZE = 64 * 1024;
const SLICE_MS = 3000;
const LONGEST = 64; // of an answer: the client wants all to be as long
const PIECE = 1024;

/** Every fourth request reads a file too, by its number. */
function ingest() {
  const { copies } = files.prepare();
  const handlers = createHandlers(files.load(copies), files.manifest());
  let served = 0;
  const { server } = createExpress(allocators.ralloc(), {
    ingest: async (arena, request) =>
      (await handlers.ingest(arena, { ...request, id: served++ })).padEnd(LONGEST),
  });
  server.prependListener('request', (req) => {
    req.url = '/ingest/0';
  });
  return server;
}

const LEVELS = ['off', 'sample', 'full'];

const kinds = { ingest: Object.fromEntries(LEVELS.map((level) => [level, ingest])) };

const onExpress = () =>
  compareServers({
    file: 'debug.js',
    kind: 'ingest',
    names: LEVELS,
    request: { size: SIZE },
    processes: Object.fromEntries(LEVELS.map((level) => [level, { env: { RALLOC_DEBUG: level } }])),
    sliceMs: SLICE_MS,
  });

function arena(n) {
  const one = new Arena();
  let last;
  for (let i = 0; i < n; i++) {
    last = one.allocUnsafe(PIECE);
    if ((i & 31) === 31) one.reset();
  }
  one.close();
  return last;
}

const pairs = (make) => (n) => {
  const owner = make();
  let last;
  for (let i = 0; i < n; i++) {
    last = owner.allocUnsafe(PIECE);
    owner.free(last);
  }
  owner.close();
  return last;
};

const slab = pairs(() => new Slab({ sizes: [PIECE], count: 64 }));
const region = pairs(() => new Region());

const levels = (run) => () =>
  compare(
    Object.fromEntries(
      LEVELS.map((level) => [
        level,
        (n) => {
          configureDebug({ level });
          const last = run(n);
          configureDebug({ level: 'off' });
          return last;
        },
      ]),
    ),
  );

module.exports = {
  kinds,
  notMeasured:
    'what reports cost; memory that waits in the delay queue; applications of deep stacks',
  scenarios: {
    'arena: an allocation of 1 KiB, a reset after 32': levels(arena),
    'slab: a pair of 1 KiB': levels(slab),
    'region: a pair of 1 KiB': levels(region),
    'ingest on Express': onExpress,
  },
};
