'use strict';

// What a charge costs: charged and released, with one budget and with trees of two and three; the same by acquire(), where nobody has to wait; growing; and
// refusals; what the option `budget` costs an arena. Then waiting itself: to wait, to be served and to release, with 1 and 100,000 in the queue.
//
// Caveats: the charge is released at once, so that it is still in V8's young generation, and one size is charged. `await` is in the figures of acquire(), and
// is most of them: "await of a promise" is that alone. Who waits is served by the release of the one before, in the same turn.

const { Arena, Budget } = require('..');
const { compare } = require('./harness.js');

const MAX_BYTES = 2 ** 40;
const SIZE = 4096;

/** The lowest of a tree of `depth` budgets; each below another has `reserve` of it. */
function treeOf(depth, reserve = 0) {
  let budget = new Budget({ maxBytes: MAX_BYTES });
  for (let i = 1; i < depth; i++) {
    const maxBytes = MAX_BYTES / 2 ** i;
    budget = new Budget({
      maxBytes,
      parent: budget,
      reserve: i < depth - 1 ? 2 * reserve : reserve,
    });
  }
  return budget;
}

// A copy for each rival: the code of one knows one shape of tree.
const compile = (source) => new Function('budget', 'size', 'n', source);
const AsyncFunction = (async () => {}).constructor;

const charging = `
  'use strict';
  let last;
  for (let i = 0; i < n; i++) {
    last = budget.charge(size);
    last.release();
  }
  return last;`;
const acquiring = `
  'use strict';
  let last;
  for (let i = 0; i < n; i++) {
    last = await budget.acquire(size);
    last.release();
  }
  return last;`;

function charges(depth, reserve) {
  const budget = treeOf(depth, reserve);
  const run = compile(charging);
  return (n) => run(budget, SIZE, n);
}

function acquires(depth) {
  const budget = treeOf(depth);
  const run = new AsyncFunction('budget', 'size', 'n', acquiring);
  return (n) => run(budget, SIZE, n);
}

async function awaits(n) {
  let last;
  for (let i = 0; i < n; i++) last = await Promise.resolve(i);
  return last;
}

function changes(depth) {
  const charge = treeOf(depth).charge(SIZE);
  return (n) => {
    for (let i = 0; i < n; i++) {
      charge.grow(SIZE);
      charge.shrink(SIZE);
    }
    return charge;
  };
}

/** `tenants` budgets with `count` waits in all; each operation is one more wait, at the end, and one that is served. */
async function waits(count, tenants) {
  const all = new Budget({ maxBytes: SIZE });
  const below = Array.from({ length: tenants }, () => new Budget({ maxBytes: SIZE, parent: all }));
  let current = all.charge(SIZE);
  const queue = [];
  const wait = (i) => queue.push(below[i % tenants].acquire(SIZE));
  for (let i = 0; i < count; i++) wait(i);
  let next = 0;
  return async (n) => {
    for (let i = 0; i < n; i++) {
      wait(count + next);
      current.release();
      current = await queue[next];
      queue[next++] = undefined;
    }
    return current;
  };
}

const full = () => {
  const budget = treeOf(3);
  budget.parent.parent.charge(MAX_BYTES);
  return budget;
};

function refusals() {
  const budget = full();
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) last = budget.tryCharge(SIZE);
    return last;
  };
}

/** Memory that an arena keeps from one reset to the next, or that goes back each time. */
function arenas(budget, keeps) {
  const arena = new Arena({ budget });
  return (n) => {
    let last;
    for (let i = 0; i < n; i++) {
      last = arena.allocUnsafe(SIZE);
      arena.reset();
      if (!keeps) arena.shrink();
    }
    return last;
  };
}

module.exports = {
  notMeasured: 'a heap that is full, charges that live for long, aborts and timeouts',
  scenarios: {
    'charge + release': () =>
      compare({
        'one budget': charges(1),
        'a tree of two': charges(2),
        'a tree of three': charges(3),
        'a tree of three with reserves': charges(3, 2 * SIZE),
      }),
    'acquire + release, nobody waits': () =>
      compare({
        'await of a promise': awaits,
        'one budget': acquires(1),
        'a tree of two': acquires(2),
        'a tree of three': acquires(3),
      }),
    'grow + shrink': () => compare({ 'one budget': changes(1), 'a tree of three': changes(3) }),
    'tryCharge, refused': () => compare({ 'a tree of three': refusals() }),
    'an arena that keeps its memory': () =>
      compare({ 'without a budget': arenas(undefined, true), 'with one': arenas(treeOf(1), true) }),
    'an arena that takes memory, and gives it back': () =>
      compare({
        'without a budget': arenas(undefined, false),
        'with one': arenas(treeOf(1), false),
        'with a tree of three': arenas(treeOf(3), false),
      }),
    'acquire, wait, release': async () =>
      compare({
        '1 waits': await waits(1, 1),
        '100,000 wait': await waits(100_000, 1),
        '100,000 wait in 1000 budgets': await waits(100_000, 1000),
      }),
  },
};
