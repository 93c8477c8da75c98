'use strict';

// A Buffer of a site('name') in a request, against the arena itself: what a look-up in the table costs, and what it costs to find the request.
//
// Caveats: the site is request-bound, 64 Buffers a request, and the loop does nothing else. The arena and current() are what a program has without a site: the first
// where the arena was passed to it, the second where it was not. `not baked` is a site that no table names, beside Buffer.

const { BUFFERS, inRequest } = require('./fixtures/site.js');
const { compare } = require('./harness.js');

const KiB = 1024;
const SIZES = { '64 B': 64, '1 KiB': KiB, '16 KiB': 16 * KiB };

const NAMES = {
  arena: 'arena.allocUnsafe',
  current: '(current() ?? Buffer).allocUnsafe',
  site: 'site.allocUnsafe',
  buffer: 'Buffer.allocUnsafe',
  'not baked': 'site without a table',
};

/** One operation is one Buffer. */
const one = (run) => (n) => run(Math.ceil(n / BUFFERS));

const scenario = (size, ways) => () => {
  const run = inRequest(size);
  return compare(Object.fromEntries(ways.map((way) => [NAMES[way], one(run[way])])));
};

const scenarios = Object.fromEntries(
  Object.entries(SIZES).flatMap(([name, size]) => [
    [`in a request, ${name}`, scenario(size, ['current', 'site', 'arena'])],
    [`not baked, ${name}`, scenario(size, ['buffer', 'not baked'])],
  ]),
);

const notMeasured = [
  'a slab and a region: they are theirs, by tryAllocUnsafe',
  'instructions: bench/site-instructions.js counts them',
];

module.exports = { scenarios, notMeasured };
