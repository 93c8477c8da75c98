'use strict';

// What a flight recorder writes: numbers, names of routes, files and lines. Nothing that a user
// sent.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const process = require('node:process');
const v8 = require('node:v8');
const { attempt } = require('../base/attempt.js');
const { instances } = require('../base/instances.js');
const time = require('../base/time.js');
const { version } = require('../base/version.js');
const { numberIn, read: readLimits } = require('../budget/auto.js');
const { eventsOf, groupOf } = require('../budget/gauges.js');
const { lastMajor } = require('../memory/gc.js');
const { pool } = require('../memory/stream-counts.js');
const { inFlight, inventory } = require('../process/inventory.js');
const { keepReading, splitNow } = require('../process/split.js');
const { killsIn, bornOf, namespaceHere } = require('./processes.js');
const { Lines } = require('./lines.js');

const RING = 60; // seconds
const SECOND = 1000;
const MOST_ROWS = 12;
const MOST_MAJORS = 8;
const KiB = 1024;
const OLD_SPACE = /--max[-_]old[-_]space[-_]size=(\d+)/g;

/** What a row of the ring has, in KiB: RSS, the group's memory, and parts of RSS. */
const rowOf = ({ rss, parts }, groupUsed = 0) =>
  [
    ...[rss, groupUsed, parts.heapUsed + parts.heapKept, parts.buffers, parts.garbage],
    ...[parts.ralloc, parts.mallocKept, parts.zlib, parts.native],
  ].map((bytes = 0) => Math.round(bytes / KiB));

/** Words for Node; of a flag that is there twice the last one counts. */
const wordsHere = () => [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv];

/** Flags of Node about memory. */
const flagsHere = () =>
  wordsHere()
    .filter((flag) => /^--[\w-]*(?:heap|space|gc|size|memory)[\w-]*(?:=[\w.%]+)?$/.test(flag))
    .join(' ');

function processHere() {
  const { versions, platform, arch, pid } = process;
  return {
    ...{ pid, host: os.hostname(), ns: namespaceHere(), born: bornOf(pid), started: time.wall() },
    ...{ app: process.argv[1], node: versions.node, v8: versions.v8, ralloc: version },
    ...{ system: `${platform} ${arch}`, flags: flagsHere() },
    reports: attempt(() => path.resolve(process.report.directory || '.')),
  };
}

/**
 * The old space that Node was told to use. Without that flag V8's limit is taken, which is mostly
 * old space.
 */
function oldSpaceHere() {
  const [, megabytes] = [...wordsHere().join(' ').matchAll(OLD_SPACE)].at(-1) ?? [];
  return megabytes === undefined ? undefined : Number(megabytes) * KiB * KiB;
}

/**
 * Limits in bytes, without those that are none. From Node 24 on, constrainedMemory() has
 * RLIMIT_DATA too.
 */
function limitsHere({ limit }) {
  const { cgroup, rlimit, machine } = readLimits();
  const heap = v8.getHeapStatistics().heap_size_limit;
  const ofGroup = limit ?? (cgroup === rlimit ? Infinity : cgroup);
  const known = { cgroup: ofGroup, rlimit, machine, heap, oldSpace: oldSpaceHere() };
  return Object.fromEntries(Object.entries(known).filter(([, bytes]) => bytes <= machine));
}

/** What counts toward RLIMIT_DATA: addresses, used or not. */
const dataNow = () => numberIn(fs.readFileSync('/proc/self/status', 'utf8'), 'VmData:') * KiB;

function groupHere() {
  const group = groupOf('/', Infinity);
  const file = attempt(() => eventsOf('/'));
  const inode = file && attempt(() => fs.statSync(path.dirname(file)).ino);
  const about = file === undefined ? undefined : { file, inode };
  if (group === null) return { about };
  const used = path.join('/', group.folder, group.version.used);
  return { used, limit: group.limit, about };
}

function admissionNow() {
  const sums = { waiting: 0, refused: 0 };
  for (const one of instances.admissions.living()) {
    const { waiting, refused } = attempt(() => one.stats(), { waiting: 0, refused: {} });
    sums.waiting += waiting;
    sums.refused += Object.values(refused).reduce((sum, count) => sum + count, 0);
  }
  return sums;
}

/** What RALLOC_MEMORY_LIMIT has done; undefined without one. */
function memoryLimitNow() {
  const [one] = instances.limits.living();
  if (one === undefined) return undefined;
  const { limit, waited, stops, refused } = one.stats();
  return { limit, waited, stops, refused: refused[413] + refused[503] };
}

class FlightRecord {
  #group = groupHere();
  #first = splitNow();
  #limits = limitsHere(this.#group);
  #fixed = `"process":${JSON.stringify(processHere())},"limits":${JSON.stringify(this.#limits)},"group":${JSON.stringify(this.#group.about ?? {})},"first":${JSON.stringify(this.#first)}`;
  #ring = [];
  #ringText = '';
  #lines = new Lines();
  #linesText = '';
  #majors = [];
  #ringAt = Number.NEGATIVE_INFINITY;
  #kills; // OOM kills in the control group
  asked; // the last signal that the application has heard, { signal, at }

  constructor() {
    keepReading();
    this.#lines.start();
  }

  /** The file that tells how much memory the control group has; undefined without one. */
  get groupFile() {
    return this.#group.used;
  }

  #note(split, groupUsed) {
    const now = time.now();
    if (now - this.#ringAt < SECOND) return;
    this.#ringAt = now;
    this.#kills = killsIn(this.#group.about?.file);
    this.#ring.push(rowOf(split, groupUsed));
    if (this.#ring.length > RING) this.#ring.shift();
    this.#ringText = JSON.stringify(this.#ring);
    this.#linesText = JSON.stringify(this.#lines.look());
  }

  /**
   * `[milliseconds since, milliseconds that it stopped the program]` of the last major collections
   * that were seen: of several between two records, one.
   */
  #noteMajor() {
    const { ended, pausedMs } = lastMajor(); // splitNow() has counted them
    if (ended > (this.#majors.at(-1)?.ended ?? Number.NEGATIVE_INFINITY)) {
      this.#majors.push({ ended, pausedMs });
      if (this.#majors.length > MOST_MAJORS) this.#majors.shift();
    }
    const now = time.now();
    return this.#majors.map((one) => [now - one.ended, one.pausedMs].map(Math.round));
  }

  /** The record of now, as JSON. */
  text() {
    const { arrayBuffers, ...split } = splitNow();
    const groupUsed = attempt(() => Number(fs.readFileSync(this.#group.used, 'utf8')));
    this.#note(split, groupUsed);
    const { asked, alive, since, size, perBuffer } = pool;
    const waiting = inventory().rows.filter(({ kind, bytes }) => bytes > 0 && kind !== 'bodies');
    const rest = JSON.stringify({
      ...(this.#limits.rlimit === undefined ? {} : { data: attempt(dataNow) }),
      ...{ kills: this.#kills, now: split, groupUsed, arrayBuffers },
      requests: inFlight().slice(0, MOST_ROWS),
      waiting: waiting.slice(0, MOST_ROWS).map(({ source: _, ...row }) => row),
      asked: this.asked,
      ...(asked === 0 ? {} : { pool: { asked, alive, since, size, perBuffer } }),
      admission: admissionNow(),
      memoryLimit: attempt(memoryLimitNow),
      collections: this.#noteMajor(),
    });
    return `{${this.#fixed},"ring":${this.#ringText},"lines":${this.#linesText},${rest.slice(1)}`;
  }

  close() {
    this.#lines.stop();
  }
}

module.exports = { FlightRecord };
