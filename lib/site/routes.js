'use strict';

// The decisions of a table for one site, as one array: `routes[Math.clz32(size - 1)]`. An array of small integers: V8 asks of a typed one each time whether it
// is detached, in processes that detach ArrayBuffers.

/** Node's own Buffers. */
const HEAP = 0;
const REQUEST = 1;
const SLAB = 2;
const REGION = 3;

/** 0 is the place of size 0, which clz32() cannot tell from 2^31 and more: they are Node's. */
const PLACES = 33;

/** A slab of sites has no larger slots; what has is of few Buffers, which a region serves as well. */
const MOST_SLOT = 2 ** 20;

const NOWHERE = Object.freeze(new Array(PLACES).fill(HEAP));

/** By their names in the table. */
const ROUTES = { leave: HEAP, request: REQUEST, slab: SLAB, region: REGION };

/** Where what `decision` is of may be: a site that is only suggested for requests may outlive one, and would be dead. */
function routeOf({ strategy, certainty }, size, isTrusted) {
  if (strategy === 'request' && certainty !== 'proved' && !isTrusted) return HEAP;
  return strategy === 'slab' && size > MOST_SLOT ? REGION : ROUTES[strategy];
}

/**
 * The routes of a site of a table. Sizes of which it says nothing of their own are as the whole site, and those that are larger than all that were recorded
 * are Node's. `isTrusted`: what is suggested counts as proved.
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
 * Which of them are of requests, as the bits of one number, for what is asked most: `(requests << Math.clz32(size - 1)) < 0`. Size 1, whose place is behind the bits, is in
 * none: the array has it.
 */
function requestsOf(routes) {
  let requests = 0;
  for (let place = 1; place < 32; place++) {
    if (routes[place] === REQUEST) requests |= 1 << (31 - place);
  }
  return requests;
}

module.exports = { HEAP, MOST_SLOT, NOWHERE, REGION, REQUEST, SLAB, requestsOf, routesOf };
