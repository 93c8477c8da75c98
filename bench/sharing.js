'use strict';

// What it costs a slab that others may want slots of it too: a pair of an allocation and its free in a slab of one
// thread, in one that has a handle for threads, and in one that processes share. Then the last one while
// another process is at work in the same pool, on a core of its own.
//
// Caveats: "100 of 4,096" allocates 100 and then frees them, in the order of their allocation, from a pool of 4,096.
// What counts is whether so many fit this thread's share, which is a quarter of the pool as long as it is the only one. Where they do not,
// slots go back to the pool and are claimed again in each round. One byte of each Buffer is written; threads and processes
// have it in memory of other pages than one thread has. Of two processes at once each has half as large a share; one
// alone has the other beside it, which waits. What they cost is the mean of what it costs each of them. Two that share no slab
// show what the machine itself makes of two busy processors.

const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { Slab, backend } = require('..');
const { compare, compareElsewhere, quick } = require('./harness.js');
const { rounds } = require('./fixtures/pairs.js');

const SIZE = 1024;
const LOADS = [
  [1, 4096],
  [100, 256],
  [100, 4096],
  [1000, 4096],
  [1000, 65_536],
  [10_000, 65_536],
];
const SAMPLE_MS = quick ? 5 : 150;

const isShared = backend === 'native' && process.platform === 'linux';

function withHandle(options) {
  const slab = new Slab(options);
  slab.handle();
  return slab;
}

const scenarios = {};
for (const safety of isShared ? ['checked', 'recycle'] : []) {
  for (const [live, count] of LOADS) {
    const options = { sizes: [SIZE], count, safety, maxBytes: 2 * count * SIZE };
    scenarios[`${safety}, ${live.toLocaleString('en')} of ${count.toLocaleString('en')}`] = () =>
      compare({
        'of one thread': rounds(new Slab(options), SIZE, live),
        'for threads': rounds(withHandle(options), SIZE, live),
        'for processes': rounds(Slab.create(null, options), SIZE, live),
      });
  }
}

/** A process that allocates and frees in the slab when asked: what a pair costs it in ns, as { cpu, wall }. */
async function startPeer(slab, options) {
  const peer = fork(path.join(__dirname, 'fixtures', 'pair-peer.js'), [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', slab?.fd ?? 'ignore'],
  });
  await once(peer, 'message');
  return async (pairs) => {
    peer.send(pairs);
    const [cost] = await once(peer, 'message');
    return cost;
  };
}

async function twoAtOnce(safety, live, count) {
  const slab = Slab.create(null, { sizes: [SIZE], count, maxBytes: 2 * count * SIZE });
  const options = { safety, size: SIZE, live };
  const peers = [await startPeer(slab, options), await startPeer(slab, options)];
  slab.close();
  const alike = { ...options, count };
  const strangers = [await startPeer(null, alike), await startPeer(null, alike)];
  const pairs = Math.ceil((SAMPLE_MS * 1e6) / (await peers[0](100_000)).cpu);
  const mean = async (asked) => {
    const all = await Promise.all(asked.map((ask) => ask(pairs)));
    const of = (each) => all.reduce((sum, cost) => sum + each(cost), 0) / all.length;
    return { cpu: of(({ cpu }) => cpu), wall: of(({ wall }) => wall) };
  };
  return compareElsewhere(
    {
      'a process alone': () => mean(peers.slice(0, 1)),
      'each of two at once': () => mean(peers),
      'the same, each in its own slab': () => mean(strangers),
    },
    32,
  );
}

for (const safety of isShared ? ['checked', 'recycle'] : []) {
  for (const [live, count] of [LOADS[0], LOADS[2], LOADS[4]]) {
    scenarios[
      `two at once: ${safety}, ${live.toLocaleString('en')} of ${count.toLocaleString('en')}`
    ] = () => twoAtOnce(safety, live, count);
  }
}

module.exports = {
  notMeasured: 'more than two processes; frees of what another one has allocated; other systems',
  scenarios,
};
