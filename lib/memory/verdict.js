'use strict';

// What an operator asks first when RSS has grown: which memory is it? Each kind has another remedy, and for some ralloc has none.

const MiB = 1024 * 1024;
const UNUSUAL = 48 * MiB; // of one kind
const GARBAGE = 96 * MiB; // of which a healthy server has some between two collections

/** Kind -> what it is, and what helps. `addons`: the names of those that are loaded. */
const KINDS = {
  native: {
    what: ({ addons }) =>
      `native memory${addons.length === 0 ? '' : `, of addons perhaps (${addons.join(', ')})`}`,
    now: 'ralloc cannot help here: count what they make (streams of zlib, pictures, statements), or read their own figures',
  },
  mallocKept: {
    what: () => 'freed, and kept by malloc',
    now: 'ralloc/auto gives it back at rest; MALLOC_ARENA_MAX=2 or jemalloc keep less under load',
  },
  heap: {
    what: () => "objects of V8's heap",
    now: 'compare two heap snapshots: node --heapsnapshot-signal=SIGUSR2',
  },
  buffers: {
    what: () => 'Buffers that live',
    now: 'npx ralloc profile, and its report, say which lines made them; npx ralloc holders, what holds them',
  },
  garbage: {
    what: () => 'dead Buffers and objects that V8 has not collected',
    now: 'ralloc/auto collects at rest; under load the lines that npx ralloc profile calls churn make less of it',
  },
  ralloc: {
    what: () => 'arenas, slabs and regions of ralloc',
    now: 'their stats() and metrics say which',
  },
};

const sumOf = ({ parts }, ...names) => names.reduce((sum, name) => sum + (parts[name] ?? 0), 0);
const JS = ['heapUsed', 'buffers', 'garbage'];

/**
 * Bytes of each kind that came since `start`. `end`: the split at the end. `swept`: after a collection then, undefined without one. `given`: what a trim after that gave back, undefined
 * without one.
 */
function grownBy({ start, end, swept = end, given = 0 }) {
  const by = (split, ...names) => sumOf(split, ...names) - sumOf(start, ...names);
  const garbage = Math.max(0, sumOf(end, ...JS) - sumOf(swept, ...JS));
  const mallocKept = Math.max(given, by(end, 'mallocKept'));
  return {
    heap: by(swept, 'heapUsed', 'heapKept'),
    buffers: by(swept, 'buffers', 'garbage'),
    garbage,
    ralloc: by(end, 'ralloc'),
    mallocKept,
    native: by(end, 'native', 'mallocKept') - mallocKept,
  };
}

/** Returns `{ kind, bytes, what, now }` of what grownBy() returned; `kind` is undefined if nothing is unusual. */
function verdictOf(grown, addons = []) {
  const unusual = Object.entries(grown)
    .filter(([kind, bytes]) => kind in KINDS && bytes >= (kind === 'garbage' ? GARBAGE : UNUSUAL))
    .sort(([, a], [, b]) => b - a);
  const [[kind, bytes] = [undefined, 0]] = unusual;
  if (kind === undefined) return { kind, bytes, what: 'nothing unusual', now: undefined };
  const { what, now } = KINDS[kind];
  return { kind, bytes, what: what({ addons }), now };
}

/** The lines that tell a Growth, `told(bytes)` says how much. */
function linesOf({ start, peak, end, grown, addons }, told) {
  const { kind, bytes, what, now } = verdictOf(grown, addons);
  const sizes = `${told(start)} at first, ${told(peak)} at most, ${told(end)} in the end`;
  const verdict = kind === undefined ? what : `${told(bytes)} more are ${what}`;
  return [`memory: ${sizes}: ${verdict}`, ...(now === undefined ? [] : [`memory: ${now}`])];
}

module.exports = { grownBy, linesOf, verdictOf };
