'use strict';

// How a process ended, asked of who can tell: its own last word, its control group, V8's report.
// What nobody tells is concluded from the last record, and then said to be likely, or not known.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const { isAlive, killsIn } = require('./processes.js');

const NEAR = 0.9; // of a limit
const HEAP = { full: 0.9, collected: 0.7 }; // of V8's limit, which counts semi-spaces: a small heap ends before
const RECENT_MS = 4000; // V8 ends a process that collects again and again
const MOST_REPORT = 1 << 20;
const EVENTS = /^\/sys\/fs\/cgroup\/.*memory\.(?:events|oom_control)$/; // a record can name any file

/** The report that `--report-on-fatalerror` made V8 write: its first lines have the event. */
function reportOf({ reports, pid, started }) {
  if (reports === undefined || pid === undefined) return undefined;
  const names = attempt(() => fs.readdirSync(reports), []);
  const ours = names.filter((name) => /^report\.\d+\.\d+\.(\d+)\./.exec(name)?.[1] === `${pid}`);
  for (const name of ours.sort().reverse()) {
    const file = path.join(reports, name);
    const stat = attempt(() => fs.statSync(file));
    if (!(stat?.mtimeMs >= started && stat.isFile() && stat.size <= MOST_REPORT)) continue;
    const { header } = attempt(() => JSON.parse(fs.readFileSync(file, 'utf8')), {});
    if (['FatalError', 'OOMError'].includes(header?.trigger))
      return String(header.event).slice(0, 100);
  }
  return undefined;
}

/**
 * Whether the kernel has killed a process of the group since the last record; undefined if nobody
 * can tell, or it is another group by now.
 */
function isKilledByKernel({ group = {}, kills }) {
  const { file, inode } = group;
  if (kills === undefined || !EVENTS.test(path.normalize(`${file}`))) return undefined;
  if (attempt(() => fs.statSync(path.dirname(file)).ino) !== inode) return undefined;
  const now = killsIn(file);
  return now === undefined ? undefined : now > kills;
}

/**
 * The limit that is nearest, and how much of it there was: `{ limit, bytes, used }`; undefined if
 * none is known. `used`: RSS, or what the group has, or addresses of data.
 */
function nearestLimit({ limits = {}, groupUsed = 0, data = 0 }, rss) {
  const used = { cgroup: groupUsed || rss, rlimit: Math.max(rss, data), machine: rss };
  return ['cgroup', 'rlimit', 'machine']
    .filter((limit) => limits[limit] > 0)
    .map((limit) => ({ limit, bytes: limits[limit], used: used[limit] }))
    .sort((one, other) => other.used / other.bytes - one.used / one.bytes)[0];
}

/**
 * Whether V8's heap had no room: it was full, or nearly and collected again and again. `grown`:
 * bytes that it may have more than in the record.
 */
function isHeapFull({ limits, now = {}, collections }, grown) {
  const { heapUsed = 0, heapKept = 0 } = now.parts ?? {};
  const share =
    (heapUsed + heapKept + grown) / Math.min(limits?.heap, limits?.oldSpace ?? Infinity);
  const recent = collections.filter(([ago]) => ago < RECENT_MS);
  return share >= HEAP.full || (share >= HEAP.collected && recent.length >= 2);
}

/**
 * `{ how, isLikely, … }`: `running`, `exit` (code), `signal` (signal), `closed`, `uncaught` (name,
 * at), `abort`, `oom`, `fatal` (event), `heap-limit`, `limit` (limit), `killed` (signal),
 * `unknown` (asked; isKilled: false if the kernel says that it was not for memory). `isLikely`:
 * concluded. `signal`: what the parent was told. `rss`: the last that is known. `perSecond`: by how
 * many bytes it grew.
 */
function howOf({ record, end, time, signal }, rss, perSecond) {
  const { process: about = {} } = record;
  const isAborted = end?.how === 'abort'; // by the program, a library, or V8 without memory
  if (end !== undefined && !isAborted) return end;
  if (!isAborted && isAlive(about, time)) return { how: 'running' };
  const event = reportOf(about);
  if (event !== undefined) return { how: 'fatal', event };
  const isKilled = isKilledByKernel(record);
  if (isKilled) return { how: 'oom' };
  const grown = isAborted ? Math.max(0, rss - (record.now?.rss ?? rss)) : 0;
  if (isHeapFull(record, grown)) return { how: 'heap-limit', isLikely: true };
  const near = nearestLimit(record, rss);
  const isNear = near?.used + Math.max(0, perSecond) >= NEAR * near?.bytes;
  if (isNear && (isKilled === undefined || near.limit === 'rlimit'))
    return { how: 'limit', limit: near.limit, isLikely: true };
  if (isAborted) return end;
  if (signal !== undefined) return { how: 'killed', signal };
  return { how: 'unknown', asked: record.asked, isKilled };
}

module.exports = { howOf, nearestLimit };
