'use strict';

// Reads how much memory the process uses, and how much it may use: from the kernel, V8 and the
// control group.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { warnOnce } = require('../base/warnings.js');
const { numberIn, read: readLimits } = require('./auto.js');

const KiB = 1024;
const NEAR = 0.7; // of a group's limit: below it, memory.stat is not read, since the page cache makes no difference

const { memoryUsage } = process;
const { rss } = memoryUsage;

/** The folders and file names of the two versions of control groups. */
const VERSIONS = [
  {
    line: /^0::(.*)$/m,
    mount: 'sys/fs/cgroup',
    limit: 'memory.max',
    used: 'memory.current',
    events: 'memory.events',
    cache: 'inactive_file',
    pressure: 'memory.pressure',
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    mount: 'sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    events: 'memory.oom_control',
    cache: 'total_inactive_file',
    pressure: null,
  },
];

/**
 * The group's folder and all above it, since each can have a limit. In a container the mount itself
 * may be the only one.
 */
function foldersOf(mount, group) {
  const names = group.split('/').filter((name) => name !== '' && name !== '..');
  return names.map((_, i) => path.join(mount, ...names.slice(0, names.length - i))).concat(mount);
}

/**
 * `{ version, folder }` for the own control group and all above it, the own one first; of each
 * version. `root`: the folder that contains /proc and /sys.
 */
function groupsIn(root) {
  const groups = attempt(() => fs.readFileSync(path.join(root, 'proc/self/cgroup'), 'utf8'), '');
  return VERSIONS.flatMap((version) => {
    const group = version.line.exec(groups)?.[1];
    const folders = group === undefined ? [] : foldersOf(version.mount, group);
    return folders.map((folder) => ({ version, folder }));
  });
}

/**
 * `{ folder, limit, version }` of the control group with the smallest limit below `most`, or null.
 */
function groupOf(root, most) {
  let least = null;
  for (const { version, folder } of groupsIn(root)) {
    const file = path.join(root, folder, version.limit);
    const limit = attempt(() => Number(fs.readFileSync(file, 'utf8')), Number.NaN); // 'max' is NaN
    if (limit < (least?.limit ?? most)) least = { folder, limit, version };
  }
  return least;
}

/**
 * The file that counts OOM kills in the own control group; undefined if there is none. Of groups of
 * version 1, those above do not count them.
 */
function eventsOf(root) {
  const files = groupsIn(root).map(({ version, folder }) =>
    path.join(root, folder, version.events),
  );
  return files.find((file) => fs.existsSync(file));
}

class Gauges {
  #root;
  #limits;
  #group; // from groupOf()
  #pressure; // the PSI file of the group or of the machine, or null
  #isOwn = false; // whether #pressure is the group's

  /** `root`: the folder that contains /proc and /sys. */
  constructor(root = '/', limits = readLimits()) {
    this.#root = root;
    this.#limits = limits;
    this.#group = groupOf(root, limits.machine);
    this.#pressure = this.#findPressure();
  }

  #file(...names) {
    return fs.readFileSync(path.join(this.#root, ...names), 'utf8');
  }

  #findPressure() {
    const name = this.#group?.version.pressure ?? null;
    const candidates = name === null ? [] : [[this.#group.folder, name]];
    for (const names of [...candidates, ['proc', 'pressure', 'memory']]) {
      if (!attempt(() => this.#file(...names).startsWith('some'), false)) continue;
      this.#isOwn = names.at(-1) === name;
      return names;
    }
    return null;
  }

  /**
   * The group's memory without inactive file cache, which the kernel reclaims when it needs memory.
   */
  #readGroup() {
    const { folder, limit, version } = this.#group;
    const used = Number(this.#file(folder, version.used));
    if (used < NEAR * limit) return { value: used, limit };
    const cache = numberIn(this.#file(folder, 'memory.stat'), version.cache);
    return { value: used - (cache >= 0 ? cache : 0), limit };
  }

  /** The share of the last ten seconds in which every task waited for memory. */
  #readPressure() {
    const percent = Number(/^full avg10=([\d.]+)/m.exec(this.#file(...this.#pressure))?.[1]);
    return { value: percent / 100, limit: 1, isOwn: this.#isOwn };
  }

  /** `{ name: { value, limit } }` for each number that can be read, in bytes except for `psi`. */
  read() {
    const { cgroup, rlimit, machine } = this.#limits;
    const limit = Math.min(cgroup, rlimit, machine);
    const found = {};
    const resident = attempt(() => rss(), Number.NaN);
    // Both numbers are too high: ArrayBuffers include pages that were never written, and RSS
    // includes memory that was freed. So the smaller one is used.
    const { arrayBuffers, heapTotal } = attempt(() => memoryUsage(), {});
    const provable = Math.min(resident, arrayBuffers + heapTotal);
    found.arrayBuffers = { value: provable, limit };
    found.rss = { value: resident, limit };
    if (this.#group !== null) {
      const group = attempt(() => this.#readGroup(), null);
      if (group !== null) found.cgroup = group;
      else this.#lose();
    }
    if (rlimit !== Infinity) {
      const data = () => numberIn(this.#file('proc', 'self', 'status'), 'VmData:') * KiB;
      found.data = { value: attempt(data, Number.NaN), limit: rlimit };
    }
    if (this.#pressure !== null) {
      found.psi = attempt(() => this.#readPressure(), { value: Number.NaN, limit: 1 });
    }
    return found;
  }

  #lose() {
    warnOnce('RALLOC_PRESSURE_UNREAD', path.join('/', this.#group.folder));
    this.#group = null;
  }
}

module.exports = { Gauges, eventsOf, groupOf };
