'use strict';

// What an operator asks first when RSS has grown: which memory is it? Each kind has another remedy,
// and for some ralloc has none.

const MiB = 1024 * 1024;
const UNUSUAL = 48 * MiB; // of one kind
const OF_ADDON = 16 * MiB; // that one takes when it begins: threads, tables, caches
const WAITS = 16 * MiB; // in queues of one kind
const GARBAGE = 96 * MiB; // of which a healthy server has some between two collections
const DEAD = 128 * MiB; // that and what malloc keeps, which large bodies leave in a healthy server
const GONE = 96 * MiB; // under load every kind comes and goes

/** Kind -> what it is, and what helps. `addons`: the names of those that are loaded. */
const KINDS = {
  native: {
    what: ({ addons, isKeptKnown }) => {
      const kept = isKeptKnown ? '' : ', or freed and kept by malloc';
      return `native memory${kept}${addons.length === 0 ? '' : `, of addons perhaps (${addons.join(', ')})`}`;
    },
    now: 'ralloc cannot help here: count what they make (pictures, statements, keys, worker threads), or read their own figures',
  },
  mallocKept: {
    what: () => 'freed, and kept by malloc, no leak',
    now: 'ralloc/auto gives it back at rest; MALLOC_ARENA_MAX=2 or jemalloc keep less under load',
  },
  zlib: {
    what: () => 'streams of node:zlib that are open',
    now: 'end or destroy them; of WebSockets, permessage-deflate keeps two for each connection: perMessageDeflate: false has none',
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
    what: () => 'dead Buffers and objects that V8 has not collected, no leak',
    now: 'ralloc/auto collects at rest; under load the lines that npx ralloc profile calls short-lived make less of it',
  },
  ralloc: {
    what: () => 'arenas, slabs and regions of ralloc',
    now: 'their stats() and metrics say which',
  },
};

/** Kind of the inventory -> what its objects are. */
const NAMES = {
  __proto__: null, // a recording may name any
  ...{ sockets: 'sockets', responses: 'responses', requests: 'requests of clients' },
  ...{ upgraded: 'upgraded connections', http2: 'streams of HTTP/2', files: 'streams to files' },
  children: 'child processes',
  bodies: 'bodies',
  pool: 'blocks of its pool',
  zlib: 'streams of node:zlib',
};

const sumOf = ({ parts }, ...names) => names.reduce((sum, name) => sum + (parts[name] ?? 0), 0);
const JS = ['heapUsed', 'buffers', 'garbage'];

const sumsSince =
  (start) =>
  (split, ...names) =>
    sumOf(split, ...names) - sumOf(start, ...names);

/** Undefined where malloc does not tell: it is in `native` then. */
const keptBy = (by, split) =>
  split.parts.mallocKept === undefined ? undefined : by(split, 'mallocKept');

/**
 * Bytes of each kind that came since `start`. `end`: the split at the end. `swept`: after a
 * collection then, undefined without one. `given`: by how much RSS is less after that collection
 * and a trim, undefined without a trim. `living`: bytes of `heap` and `buffers` that lived until a
 * program ended by itself, which that collection has found dead.
 */
function grownBy({ start, end, swept = end, given, living = { heap: 0, buffers: 0 } }) {
  const by = sumsSince(start);
  const freed = (...names) => Math.max(0, sumOf(end, ...names) - sumOf(swept, ...names));
  // What dead objects have had outside of the heap, and V8's pool of empty pages.
  const outside = Math.max(0, Math.min(end.rss - swept.rss, freed('native', 'mallocKept')));
  const garbage = freed(...JS, 'heapKept') + outside;
  // Buffers that the collection frees may go to malloc first, and to the system by the trim.
  const mallocKept = given === undefined ? keptBy(by, end) : Math.max(0, given - garbage);
  const lost = (bytes, ...names) =>
    Math.min(freed(...names), Math.max(0, bytes - sumOf(swept, ...names)));
  const heapLost = lost(living.heap, 'heapUsed');
  const buffersLost = lost(living.buffers, 'buffers', 'garbage');
  return {
    heap: by(swept, 'heapUsed', 'heapKept') + heapLost,
    buffers: by(swept, 'buffers', 'garbage') + buffersLost,
    garbage: Math.max(0, garbage - heapLost - buffersLost),
    ralloc: by(end, 'ralloc'),
    mallocKept,
    zlib: by(end, 'zlib'),
    native: by(end, 'native', 'mallocKept') - (mallocKept ?? 0) - outside,
  };
}

/**
 * The same of the time before the end. `lived`: the most bytes of `heap` and `buffers` that
 * collections left. Of the other kinds nothing is known but at the `peak`, and nothing is said if
 * RSS is hardly less in the end, which is known better.
 */
function grownAtPeak({ start, peak, end, lived }) {
  const by = sumsSince(start);
  const heap = Math.max(0, lived.heap - sumOf(start, 'heapUsed'));
  const buffers = Math.max(0, lived.buffers - sumOf(start, 'buffers', 'garbage'));
  if (peak.rss - end.rss < GONE) return { heap, buffers };
  const garbage = Math.max(0, by(peak, ...JS, 'heapKept') - heap - buffers);
  const others = ['ralloc', 'zlib', 'native'].map((kind) => [kind, by(peak, kind)]);
  return { heap, buffers, garbage, mallocKept: keptBy(by, peak), ...Object.fromEntries(others) };
}

/** The kind that has grown most, of those with at least `least(kind)` bytes: `[kind, bytes]`. */
const most = (grown, least) =>
  Object.entries(grown)
    .filter(([kind, bytes]) => kind in KINDS && bytes >= least(kind))
    .sort(([, a], [, b]) => b - a)[0] ?? [undefined, 0];

/** From how many bytes on a kind is unusual in the end. */
function leastAtEnd({ garbage, native }, addons) {
  const ofAddons = addons.length * OF_ADDON;
  const isTheirs = addons.length > 0 && native >= ofAddons; // what malloc keeps: they have freed it
  const mallocKept = isTheirs ? UNUSUAL + ofAddons : Math.max(UNUSUAL, DEAD - garbage);
  const least = { garbage: GARBAGE, native: UNUSUAL + ofAddons, mallocKept };
  return (kind) => least[kind] ?? UNUSUAL;
}
const leastAtPeak = (kind) => (kind === 'heap' || kind === 'buffers' ? UNUSUAL : GONE);

/** What addons have freed is beside what they have. */
const restOf = (kind, addons) =>
  kind === 'mallocKept' && addons.length > 0
    ? `; ralloc cannot help with what addons (${addons.join(', ')}) still have, which is native`
    : '';

function verdict([kind, bytes], { mallocKept }, addons) {
  const { what, now } = KINDS[kind];
  const isKeptKnown = mallocKept !== undefined;
  return { kind, bytes, what: what({ addons, isKeptKnown }), now: now + restOf(kind, addons) };
}

const SHORT = {
  ...{ buffers: 'Buffers', heap: 'heap', garbage: 'garbage', zlib: 'zlib', ralloc: 'ralloc' },
  ...{ mallocKept: 'kept by malloc, which ralloc run gives back at rest', native: 'native' },
};

/**
 * All kinds of what has grown, where most of it is outside of JavaScript: the others are what it is
 * not.
 */
function partsOf(grown, kind, told) {
  if (kind !== 'native') return [];
  const parts = Object.entries(SHORT)
    .filter(([name]) => grown[name] > 0 || name === 'heap' || name === 'buffers')
    .map(([name, what]) => `${told(Math.max(0, grown[name]))} are ${what}`);
  return [`of the growth ${parts.join(', ')}`];
}

/**
 * Returns `{ kind, bytes, what, now, ofPeak }` of what grownBy() and grownAtPeak() returned; `kind`
 * is undefined if nothing is unusual in the end. `ofPeak`: the same of the peak, if it was of
 * another kind; else undefined.
 */
function verdictOf(grown, addons = [], atPeak = {}) {
  const end = most(grown, leastAtEnd(grown, addons));
  const high = most(atPeak, leastAtPeak);
  const ofPeak =
    high[0] === undefined || high[0] === end[0] ? undefined : verdict(high, atPeak, addons);
  if (end[0] === undefined) return { bytes: 0, what: 'nothing unusual', now: undefined, ofPeak };
  return { ...verdict(end, grown, addons), ofPeak };
}

/**
 * What waits, from WAITS on. More than `peak`, what there was, is of Buffers that wait in several
 * queues. `told(bytes)` says how much.
 */
const waitingOf = (rows, peak, told) =>
  rows
    .filter(({ bytes }) => bytes >= WAITS)
    .map(
      ({ kind, route, count, bytes, largest, oldestMs }) =>
        `at most ${told(bytes)}${bytes > peak ? ', the same Buffers again and again,' : ''} were in ${count} ${NAMES[kind]}${route === undefined ? '' : ` of ${route}`}, ${told(largest)} in the largest, since ${Math.round(oldestMs / 1000)} s`,
    );

/**
 * The lines that tell a Growth, `told(bytes)` says how much. `instead`: kind -> what to do, where
 * that is told otherwise; `none`: what is said where no kind is unusual.
 */
function linesOf({ start, peak, end, grown, atPeak, addons, waiting = [] }, told, instead = {}) {
  const sizes = `${told(start)} at first, ${told(peak)} at most, ${told(end)} in the end`;
  const { kind, bytes, what, now, ofPeak: high } = verdictOf(grown, addons, atPeak);
  const ofEnd = kind === undefined ? [] : [`${told(bytes)} more are ${what}`];
  const ofPeak = high === undefined ? [] : [`${told(high.bytes)} of the peak were ${high.what}`];
  const [first = instead.none ?? what, ...others] = [...ofEnd, ...ofPeak];
  const help = [
    [kind, now],
    [high?.kind, high?.now],
  ].flatMap(([of, text]) => instead[of] ?? text ?? []);
  const waits = waitingOf(waiting, peak, told);
  const parts = partsOf(grown, kind, told);
  return [`${sizes}: ${first}`, ...others, ...help, ...parts, ...waits].map(
    (line) => `memory: ${line}`,
  );
}

module.exports = { NAMES, grownAtPeak, grownBy, linesOf, verdictOf };
