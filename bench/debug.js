'use strict';

// What debug mode costs: one allocation of an arena, a pair of a slab's and of a region's, by level; and the demo's ingest on Express (a POST of 64 KiB, sixteen
// pieces of it framed into one Buffer), of whose 17 Buffers and one body `sample` watches one of 128, and a hundred a second at most.
//
// Caveats: in the loops the levels take turns in one process, so that `off` has the type feedback of the others; that it costs nothing of itself is a matter of
// its code, which is the same as without debug mode. A third of what `full` costs is for stacks, which are here of few frames.

const allocators = require('../demo/allocators.js');
const { Arena, Region, Slab, configureDebug } = require('..');
const { compare } = require('./harness.js');
const fixture = require('./fixtures/ingest.js');
const { compareServers } = require('./servers.js');

const PIECE = 1024;

const ingest = () => fixture.ingest(allocators.ralloc());

const LEVELS = ['off', 'sample', 'full'];

const kinds = { ingest: Object.fromEntries(LEVELS.map((level) => [level, ingest])) };

const onExpress = () =>
  compareServers({
    file: 'debug.js',
    kind: 'ingest',
    names: LEVELS,
    request: { size: fixture.SIZE },
    processes: Object.fromEntries(LEVELS.map((level) => [level, { env: { RALLOC_DEBUG: level } }])),
    sliceMs: fixture.SLICE_MS,
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
