'use strict';

// The decisions of a table for one site, as one array: `routes[Math.clz32(size - 1)]`. An array of
// small integers: V8 asks of a typed one each time whether it is detached, in processes that detach
// ArrayBuffers.

/** Node's own Buffers. */
const HEAP = 0;
const REQUEST = 1;
const SLAB = 2;
const REGION = 3;

/** Place 0 is for size 0, which clz32() cannot tell from sizes above 2^31. Node serves both. */
const PLACES = 33;

/**
 * The largest slots of the sites' slab. Larger Buffers are few, and a region serves them as well.
 */
const MOST_SLOT = 2 ** 20;

const NOWHERE = Object.freeze(new Array(PLACES).fill(HEAP));

/** The routes by the strategies' names in the table. */
const ROUTES = { leave: HEAP, request: REQUEST, slab: SLAB, region: REGION };

/**
 * The memory for a `decision`. If 'request' is only suggested, the heap, because a Buffer may
 * outlive its request and would be dead.
 */
function routeOf({ strategy, certainty }, size, isTrusted) {
  if (strategy === 'request' && certainty !== 'proved' && !isTrusted) return HEAP;
  return strategy === 'slab' && size > MOST_SLOT ? REGION : ROUTES[strategy];
}

/**
 * The routes of a site in a table. A size without its own decision has that of the whole site; Node
 * serves sizes larger than all recorded ones. `isTrusted`: suggestions count as proved.
 */
function routesOf(site, isTrusted) {
  const routes = [...NOWHERE];
  const of = new Map(site.sizes.map((one) => [one.size, one]));
  for (let place = 1; place < PLACES; place++) {
    const size = 2 ** (PLACES - 1 - place);
    if (size <= site.size) routes[place] = routeOf(of.get(size) ?? site, size, isTrusted);
  }
  return routes;
}

/**
 * The routes that are REQUEST, as bits of one number, for the hottest check: `(requests <<
 * Math.clz32(size - 1)) < 0`. Size 1 has no bit (its place is 32), so it is looked up in the array.
 */
function requestsOf(routes) {
  let requests = 0;
  for (let place = 1; place < 32; place++) {
    if (routes[place] === REQUEST) requests |= 1 << (31 - place);
  }
  return requests;
}

module.exports = { HEAP, MOST_SLOT, NOWHERE, REGION, REQUEST, SLAB, requestsOf, routesOf };
