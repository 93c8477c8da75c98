'use strict';

// Uploads whose chunks an arena takes over: what is counted of them, and the end of their requests.

const { assertSettled } = require('./server.js');
const { until } = require('./until.js');
const { stats } = require('../..');

const settled = async (t, arenas) => {
  await until(() => arenas.stats().inFlight === 0);
  assertSettled(t, arenas);
  t.is(arenas.stats().memory.adopted, 0);
};

/** What is counted from here on. */
function counting() {
  const flat = () => {
    const { left, links: _, ...counts } = stats().bodies;
    return { ...counts, ...left };
  };
  const before = flat();
  return () =>
    Object.fromEntries(Object.entries(flat()).map(([key, bytes]) => [key, bytes - before[key]]));
}

module.exports = { counting, settled };
