'use strict';

// What one operation on Buffers costs: in an arena, a slab, a region and by a site, and what a
// charge of a budget costs; against Node's own ways and the floor of each: the bare view that every
// such library has to make, V8's detach, a bare list.
//
// Caveats: at most one byte of a Buffer is written, so page faults on fresh memory are not seen in
// allocUnsafe, and warm memory gets no credit for its warmth. Only the last Buffer is kept, so
// scavenges have nothing to copy. A pair frees what it has just allocated, the best case of every
// cache; "of 1000" frees the oldest of a thousand. The slab rounds sizes up to powers of two, and
// is charged nothing for the memory that this takes.

const { Arena, Budget, Region, Slab, backend } = require('../..');
const { inRequest } = require('../lives.js');
const { compare, turn } = require('../method/compare.js');

const KiB = 1024;
const SIZES = {
  '64 B': 64,
  '1 KiB': KiB,
  '4 KiB': 4 * KiB,
  '16 KiB': 16 * KiB,
  '64 KiB': 64 * KiB,
};
const LIVE = 1000;

const detach = (ab) => ab.transfer?.() ?? structuredClone(ab, { transfer: [ab] });
const FastBuffer = Buffer[Symbol.species];
const AsyncFunction = (async () => {}).constructor;

/**
 * `code` in a loop, with `vars` in scope: a function of its own for each rival, because the code of
 * one function knows one kind of allocator. Vars are arguments: caught by the closure of the loop
 * itself, a slab cost 7 ns a pair in one run and 12 in the next.
 */
function loop(vars, code) {
  const make = code.includes('await') ? AsyncFunction : Function;
  const body = `'use strict'; let last; for (let i = 0; i < n; i++) { ${code} } return last;`;
  const run = new make(...Object.keys(vars), 'n', body);
  return (n) => run(...Object.values(vars), n);
}

/** Rivals of the same vars: name → code. */
const rivals = (vars, codes) =>
  Object.fromEntries(Object.entries(codes).map(([name, code]) => [name, loop(vars, code)]));

const arenaFor = (bytes, options) => {
  const chunkSize = Math.max(64 * KiB, 64 * bytes);
  return new Arena({ maxBytes: 64 * chunkSize, chunkSize, ...options });
};
const reset = 'if ((i & 63) === 63) arena.reset();';

function allocations(size) {
  const bare = new ArrayBuffer(64 * size);
  const vars = { size, bare, FastBuffer, Buffer, arena: arenaFor(size) };
  return rivals(vars, {
    'new FastBuffer(ab, off, n)': 'last = new FastBuffer(bare, (i & 63) * size, size);',
    'arena.allocUnsafe': `last = arena.allocUnsafe(size); ${reset}`,
    'arena.alloc': `last = arena.alloc(size); ${reset}`,
    'Buffer.allocUnsafe': 'last = Buffer.allocUnsafe(size);',
    'Buffer.alloc': 'last = Buffer.alloc(size);',
    'Buffer.allocUnsafeSlow': 'last = Buffer.allocUnsafeSlow(size);',
  });
}

/** Node's way and the arena's, on the same arguments. */
const both = (method, bytes, ...args) =>
  rivals(
    { args, Buffer, arena: arenaFor(bytes) },
    {
      [`Buffer.${method}`]: `last = Buffer.${method}(...args);`,
      [`arena.${method}`]: `last = arena.${method}(...args); ${reset}`,
    },
  );

const ASCII = '{"id":12345,"name":"a name","tags":["one","two"]} ';
const WIDE = 'Größe 12 €, naïve café – 漢字 и кириллица. ';
const textOf = (text, length) => text.repeat(Math.ceil(length / text.length)).slice(0, length);

function endings() {
  const arena = arenaFor(64);
  const marked = arenaFor(64);
  marked.allocUnsafe(64);
  const once = (child) => void child.allocUnsafe(64);
  let ab = new ArrayBuffer(64 * KiB);
  return {
    'one view and a bare detach': (n) => {
      let last;
      for (let i = 0; i < n; i++) {
        last = new FastBuffer(ab, 0, 64);
        ab = detach(ab);
      }
      return last;
    },
    ...rivals(
      { arena, marked, once, recycling: arenaFor(64, { safety: 'recycle' }) },
      {
        'allocUnsafe + reset': 'last = arena.allocUnsafe(64); arena.reset();',
        'allocUnsafe + reset, recycle': 'last = recycling.allocUnsafe(64); recycling.reset();',
        'scope, one allocation': 'last = arena.scope(once);',
        'checkpoint, one allocation, rewind':
          'last = marked.checkpoint(); marked.allocUnsafe(64); marked.rewind(last);',
      },
    ),
  };
}

/**
 * A request of sixteen pieces of 0.5 to 16 KiB, filled and joined; then the loop turns, as a
 * server's does.
 */
function requests() {
  const sizes = Array.from({ length: 16 }, (_, n) => 512 + Math.round((n * 15.5 * KiB) / 15));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const joined = (allocUnsafe) => {
    const batch = allocUnsafe(total);
    let at = 0;
    for (const size of sizes)
      at += allocUnsafe(size)
        .fill(at & 255)
        .copy(batch, at);
    return batch;
  };
  const inArena = (safety) => {
    const arena = arenaFor(4 * KiB, { safety, maxBytes: 2 ** 30, chunkSize: 512 * KiB });
    const allocUnsafe = (size) => arena.allocUnsafe(size);
    const code = 'last = joined(allocUnsafe); arena.reset(); await turn();';
    return loop({ joined, allocUnsafe, arena, turn }, code);
  };
  return {
    'Buffer.allocUnsafe': loop(
      { joined, turn, Buffer },
      'last = joined(Buffer.allocUnsafe); await turn();',
    ),
    ...Object.fromEntries(
      ['detach', 'recycle', 'gc'].map((safety) => [`arena, ${safety}`, inArena(safety)]),
    ),
  };
}

const pair = (from, size) =>
  loop({ from, size }, 'last = from.allocUnsafe(size); last[0] = i; from.free(last);');

const slabOf = (size, options) => new Slab({ sizes: [size], count: 64, ...options });

function slabPairs(size) {
  const list = Array.from({ length: 64 }, () => Buffer.allocUnsafeSlow(size));
  return {
    'slab, checked': pair(slabOf(size), size),
    'slab, recycle': pair(slabOf(size, { safety: 'recycle' }), size),
    'bare list': loop({ list }, 'last = list.pop(); last[0] = i; list.push(last);'),
    region: pair(new Region(), size),
    'Buffer.allocUnsafe': loop({ Buffer, size }, 'last = Buffer.allocUnsafe(size); last[0] = i;'),
  };
}

/** Frees the oldest of those that live, all of the same size. */
function ring(from, length = LIVE, size = 64) {
  const live = Array.from({ length }, () => from.allocUnsafe(size));
  const code = `
    const at = i % live.length;
    from.free(live[at]);
    last = from.allocUnsafe(size);
    last[0] = i;
    live[at] = last;`;
  return loop({ from, live, size }, code);
}

/** Frees any of a thousand, whose sizes are from 16 B to 60 KB. */
function churn(from) {
  const sizes = Uint32Array.from({ length: 4096 }, (_, i) => 16 + ((i * 40503) % 60_000));
  const live = Array.from({ length: LIVE }, (_, i) => from.allocUnsafe(sizes[i]));
  const code = `
    const at = (i * 40503) % live.length;
    from.free(live[at]);
    last = from.allocUnsafe(sizes[i & 4095]);
    last[0] = i;
    live[at] = last;`;
  return loop({ from, live, sizes }, code);
}

const classes = Array.from({ length: 13 }, (_, i) => 16 * 2 ** i);
const mixedSlab = () => new Slab({ sizes: classes, count: 1200, maxBytes: 2 ** 29 });

/** A slab whose slots others may want, too: 100 at a time, of 4,096. */
function shared() {
  const options = { sizes: [KiB], count: 4096, maxBytes: 2 ** 24 };
  const forThreads = new Slab(options);
  forThreads.handle();
  return {
    'of one thread': ring(new Slab(options), 100, KiB),
    'for threads': ring(forThreads, 100, KiB),
    'for processes': ring(Slab.create(null, options), 100, KiB),
  };
}

/** The lowest of a tree of so many budgets. */
function treeOf(depth) {
  const parent = depth > 1 ? treeOf(depth - 1) : undefined;
  return new Budget({ maxBytes: 2 ** 40, parent });
}

const charges = () => ({
  'one budget': loop({ budget: treeOf(1) }, 'last = budget.charge(4096); last.release();'),
  'a tree of three': loop({ budget: treeOf(3) }, 'last = budget.charge(4096); last.release();'),
  'one budget, await acquire()': loop(
    { budget: treeOf(1) },
    'last = await budget.acquire(4096); last.release();',
  ),
  'await of a promise': loop({}, 'last = await Promise.resolve(i);'),
});

const bySize = (make, title, sizes = SIZES) =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [`${title} ${name}`, () => compare(make(size))]),
  );

const { '64 B': SMALL, '4 KiB': MEDIUM, '64 KiB': LARGE } = SIZES;
const THREE = { '64 B': SMALL, '4 KiB': MEDIUM, '64 KiB': LARGE };
const pieces = (size) => Array.from({ length: 16 }, (_, n) => Buffer.alloc(size, n));
const canShare = backend === 'native' && process.platform === 'linux';

module.exports = {
  notMeasured:
    'writing to the memory; a heap full of other objects; two threads or processes at once',
  scenarios: {
    ...bySize(allocations, 'an allocation of'),
    'from() of 20 characters of ASCII': () => compare(both('from', 64, textOf(ASCII, 20))),
    'from() of 1 KiB of other text': () => compare(both('from', 3 * KiB, textOf(WIDE, KiB))),
    'concat() of 16 × 64 B': () => compare(both('concat', KiB, pieces(64))),
    'concat() of 16 × 4 KiB': () => compare(both('concat', 64 * KiB, pieces(4 * KiB))),
    'a reset, a scope, a rewind': () => compare(endings()),
    'a request of 16 pieces': () => compare(requests()),
    ...bySize(slabPairs, 'a pair of', THREE),
    [`the oldest of ${LIVE}, 64 B`]: () =>
      compare({
        'slab, recycle': ring(slabOf(64, { count: 2 * LIVE, safety: 'recycle' })),
        'slab, checked': ring(slabOf(64, { count: 2 * LIVE })),
      }),
    [`16 B to 60 KB, ${LIVE} live`]: () =>
      compare({
        'slab, checked': churn(mixedSlab()),
        region: churn(new Region({ maxBytes: 2 ** 28 })),
      }),
    ...(canShare && { 'a slab that is shared': () => compare(shared()) }),
    ...bySize(inRequest, 'of a site,', THREE),
    'a charge and its release': () => compare(charges()),
  },
};
