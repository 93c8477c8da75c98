'use strict';

// From a recording to one line: how the process ended, how much memory it had, and who had it.

const { formatBytes, many } = require('../base/bytes.js');
const { NAMES, verdictOf } = require('../process/verdict.js');
const { cleanBeat, cleanEnd, cleanRecord } = require('./clean.js');
const { howOf, nearestLimit } = require('./how.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const SPAN = 20; // seconds over which growth is told
const RECENT = 3; // seconds in which it must have grown
const LEAST_GROWTH = MiB; // a second
const SHARE = 0.1; // of a kind, from which on a route is named
const BLOCKED_MS = 1000;
const OLD_MS = 1000;

const LIMITS = {
  cgroup: 'the memory of its control group',
  rlimit: 'RLIMIT_DATA',
  machine: "the machine's memory",
};

/** Kind -> its name in a line. */
const TITLES = {
  heap: "V8's heap",
  buffers: 'Buffers',
  pool: "Buffers that pin Node's pool",
  garbage: 'dead Buffers and objects that V8 has not collected',
  ralloc: 'arenas, slabs and regions of ralloc',
  mallocKept: 'freed, and kept by malloc',
  zlib: 'open streams of node:zlib',
  native: 'native memory',
  blocked: 'what was made while the loop was blocked',
};

const sumOf = (rows) => rows.reduce((sum, { bytes = 0 }) => sum + bytes, 0);

/**
 * Bytes a second by which RSS grew lately, and for how many seconds. `ring`: of rows, one a second.
 */
function growthOf(ring, rss, blockedMs = 0) {
  const blocked = Math.round(blockedMs / 1000);
  const sizes = [...ring.slice(-SPAN).map(([size]) => size * KiB), rss]; // the first is the oldest
  const rate = (seconds) => (rss - (sizes.at(-seconds - 1) ?? rss)) / (seconds + blocked);
  const most = sizes.length - 1;
  const recent = rate(Math.min(RECENT, most));
  const isStart = most < RECENT && recent < 16 * MiB; // what programs take to start
  if (isStart || !(recent >= LEAST_GROWTH))
    return { perSecond: Math.max(0, recent || 0), seconds: 0 };
  let seconds = Math.min(RECENT, most);
  while (seconds < most && rate(seconds + 1) >= recent / 2) seconds += 1;
  return { perSecond: rate(seconds), seconds: seconds + blocked };
}

/** Bytes that wait for who does not read. */
const unreadOf = ({ waiting }) =>
  sumOf(waiting.filter(({ kind }) => ['sockets', 'responses', 'upgraded', 'http2'].includes(kind)));

const isPinned = ({ pool }) => pool?.since > 0 && pool.alive >= pool.asked / 2;

/** Bytes of each kind that came since the recorder began. */
function grownOf({ first = {}, now = {}, requests, waiting }) {
  const by = (...names) =>
    names.reduce((sum, name) => sum + (now.parts?.[name] ?? 0) - (first.parts?.[name] ?? 0), 0);
  const grown = {
    ...{ heap: by('heapUsed', 'heapKept'), buffers: by('buffers'), garbage: by('garbage') },
    ...{ ralloc: by('ralloc'), mallocKept: by('mallocKept'), zlib: by('zlib') },
    native: by('native'),
  };
  // What requests and queues have lives, also where V8 has not looked at it yet.
  const held = sumOf(requests) + sumOf(waiting);
  if (held < (grown.buffers + grown.garbage) / 2 && grown.garbage > grown.buffers) return grown;
  return { ...grown, buffers: grown.buffers + grown.garbage, garbage: 0 };
}

/** What to do about `bytes` of a kind, as the record tells; undefined if it does not. */
function adviceOf(record, kind, bytes) {
  if (kind === 'pool') return 'keep copies of small Buffers, by Buffer.allocUnsafeSlow()';
  if (kind !== 'buffers' && kind !== 'heap') return undefined;
  if (unreadOf(record) >= bytes / 2)
    return "wait for the reader: for 'drain' after a write() that returned false, or stream.pipeline(); and cut off who reads nothing: ralloc run --memory-limit";
  if (sumOf(record.requests) >= bytes / 2)
    return 'stream bodies, or bound how many are in memory: admission()';
  if (kind === 'buffers' && linesOf(record, { kind, bytes }, SHARE * bytes).length > 0)
    return 'bound what keeps them: npx ralloc holders tells what it is';
  return undefined;
}

/** The kind that has grown most: `{ kind, bytes, advice }`. */
function kindOf(record, blocked) {
  const { kind: grown, bytes, now } = verdictOf(grownOf(record));
  if (blocked !== undefined && blocked.bytes > Math.max(bytes, 16 * MiB)) {
    const advice = 'no callback ran meanwhile: make the loop of it yield, or take it to a worker';
    return { kind: 'blocked', bytes: blocked.bytes, advice };
  }
  const kind = grown === 'buffers' && isPinned(record) ? 'pool' : grown;
  return { kind, bytes, advice: adviceOf(record, kind, bytes) ?? now };
}

/**
 * The lines of code that have a share of a kind: of small Buffers, the one that has most of them.
 */
function linesOf({ lines }, { kind, bytes: most }, least) {
  if (!['buffers', 'garbage', 'pool'].includes(kind)) return [];
  const all = lines.filter(({ at }) => at !== undefined);
  if (kind === 'pool') {
    const [first] = all.sort((one, other) => (other.buffers ?? 0) - (one.buffers ?? 0));
    return first === undefined ? [] : [`most of them made at ${first.at}`];
  }
  return all
    .filter(({ bytes = 0 }) => bytes >= Math.max(least, MiB))
    .map(({ at, bytes }) => `some ${formatBytes(Math.min(bytes, most))} made at ${at}`);
}

/** Of what is in flight or waits, what has a share of the bytes, or has been there for long. */
function detailsOf({ requests, waiting, lines }, { kind, bytes }) {
  const least = SHARE * bytes;
  const isJs = ['heap', 'buffers', 'garbage', 'pool', 'blocked'].includes(kind);
  const told = [];
  for (const { route, count = 0, bytes: size = 0 } of requests)
    if (isJs && size >= Math.max(least, MiB))
      told.push(`${formatBytes(size)} of ${many(count, 'request')} ${route}`);
  for (const { kind: name, count = 0, bytes: size = 0 } of waiting)
    if (size >= Math.max(least, MiB) && name !== 'pool')
      told.push(`${formatBytes(size)} in ${count} ${NAMES[name] ?? name}`);
  const [old] = requests
    .filter(({ oldestMs = 0 }) => oldestMs >= OLD_MS)
    .sort((a, b) => (b.count ?? 0) - (a.count ?? 0));
  if (told.length === 0 && isJs && old !== undefined)
    told.push(`${many(old.count ?? 0, 'request')} ${old.route} in flight`);
  const made = linesOf({ lines }, { kind, bytes }, least);
  return [...told.slice(0, made.length > 0 ? 2 : 3), ...made].slice(0, 3);
}

const SENTENCES = {
  __proto__: null, // a record may name any
  running: () => 'running, and has',
  exit: ({ code }) => `ended by itself with exit code ${code ?? 'unknown'}, and had`,
  signal: ({ signal }) => `ended by ${signal ?? 'a signal'}, and had`,
  closed: () => 'the recorder was closed; the process had',
  uncaught: ({ name, at }) =>
    `ended by an uncaught ${name ?? 'error'}${at === undefined ? '' : ` (${at})`} while it had`,
  oom: () => 'killed by the kernel (OOM kill) while it had',
  fatal: ({ event }) => `ended by V8 (${event}) while it had`,
  'heap-limit': () => "ended, most likely by V8's heap limit, while it had",
  limit: ({ limit }) => `killed, most likely for ${LIMITS[limit]}, while it had`,
  killed: ({ signal }) => `killed by ${signal ?? 'a signal'} while it had`,
  abort: () => 'aborted (SIGABRT) while it had',
  unknown: ({ asked, isKilled }, time) =>
    asked === undefined
      ? `ended without a word, as by SIGKILL or a crash of native code${isKilled === false ? ', not by the kernel for memory' : ''}, while it had`
      : `had not ended ${Math.max(0, Math.round((time - asked.at) / 1000))} s after ${asked.signal}, and was killed, while it had`,
};

function sizeOf(record, rss) {
  const near = nearestLimit(record, rss);
  if (near === undefined) return formatBytes(rss);
  return `${formatBytes(near.used)} of ${formatBytes(near.bytes)}`;
}

const heapOf = ({ limits, now }) => {
  const { heapUsed = 0, heapKept = 0 } = now.parts ?? {};
  return `, ${formatBytes(heapUsed + heapKept)} of ${formatBytes(limits.oldSpace ?? limits.heap ?? 0)} in V8's heap`;
};

/**
 * What the thread saw after the last record: `{ ms, bytes, rss, last }`; undefined if the loop was
 * not blocked.
 */
function blockedOf(beat, record, time) {
  const { blockedMs = 0, rss, groupUsed, last } = cleanBeat(beat?.value);
  if (!(beat?.time > time && blockedMs >= BLOCKED_MS) || rss === undefined) return undefined;
  return { ms: blockedMs, rss, groupUsed, bytes: rss - (record.now?.rss ?? rss), last };
}

const blockedText = ({ ms, bytes, last }) => {
  const by = bytes > MiB ? `, and grew by ${formatBytes(bytes)} meanwhile` : '';
  const request = last ? `; the last request that began: ${last}` : '';
  return `the loop was blocked for ${(ms / 1000).toFixed(1)} s${by}${request}`;
};

/** A signal that the first process of a container had no listener for: it went on. */
function askedBy(passed) {
  const { how, signal } = cleanEnd(passed?.value);
  return how === 'signal' && signal !== undefined ? { signal, at: passed.time } : undefined;
}

/** Counts what came since the record as V8's heap, which V8 has said was full. */
function fillHeap({ limits, now }, rss) {
  if (now?.parts === undefined) return;
  const { heapUsed = 0, heapKept = 0 } = now.parts;
  const room = (limits.oldSpace ?? limits.heap ?? 0) - heapUsed - heapKept;
  now.parts.heapUsed = heapUsed + Math.max(0, Math.min(room, rss - (now.rss ?? rss)));
}

/**
 * What a recording tells (from readFlight()), and the `signal` that its parent was told of: `{ how,
 * kind, bytes, line, advice, rss, growth, blocked, details, record, time }`. `line`: without a word
 * on what to do; `state`: without how it ended.
 */
function explain({ record: cell, beat, end, passed }, signal) {
  const record = cleanRecord(cell.value);
  record.asked ??= askedBy(passed);
  const { time } = cell;
  const blocked = blockedOf(beat, record, time);
  record.groupUsed = blocked?.groupUsed ?? record.groupUsed;
  const last = end === undefined ? undefined : cleanEnd(end.value);
  const rss = last?.rss ?? blocked?.rss ?? record.now?.rss ?? 0;
  const growth = growthOf(record.ring, rss, blocked?.ms);
  const at = Math.max(time, beat?.time ?? 0);
  const how = howOf({ record, end: last, time: at, signal }, rss, growth.perSecond);
  if (how.how === 'heap-limit' && last !== undefined) fillHeap(record, rss);
  const found = kindOf(record, how.how === 'heap-limit' ? undefined : blocked);
  const details = detailsOf(record, found);
  const sentence = (SENTENCES[how.how] ?? SENTENCES.unknown)(how, at);
  const heap = how.how === 'fatal' || how.how === 'heap-limit' ? heapOf(record) : '';
  const growing =
    growth.seconds > 0
      ? `, growing ${formatBytes(growth.perSecond)}/s for ${growth.seconds} s`
      : '';
  const size = `${sizeOf(record, rss)}${heap}${growing}`;
  const parts = [];
  if (found.kind === undefined) parts.push('nothing unusual in its memory');
  else if (found.kind !== 'blocked')
    parts.push(
      `${TITLES[found.kind]} ${formatBytes(found.bytes)}${details.length > 0 ? `: ${details.join(', ')}` : ''}`,
    );
  if (blocked !== undefined) parts.push(blockedText(blocked));
  const [line, state] = [`${sentence} ${size}`, size].map((text) => [text, ...parts].join('; '));
  return { how, ...found, line, state, rss, growth, blocked, details, record, time: at };
}

module.exports = { explain };
