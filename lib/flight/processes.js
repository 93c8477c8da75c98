'use strict';

// What the system says of a process: whether it is the one that wrote a record, since ids of
// processes are used again, and other containers have the same; and how often the kernel has killed
// one of its control group.

const fs = require('node:fs');
const os = require('node:os');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');
const { numberIn } = require('../budget/auto.js');

/**
 * How often the kernel has killed a process of a control group for its memory. Undefined if `file`,
 * memory.events or memory.oom_control, does not tell.
 */
function killsIn(file) {
  const kills = attempt(() => numberIn(fs.readFileSync(file, 'utf8'), 'oom_kill'));
  return kills >= 0 ? kills : undefined;
}

const FRESH_MS = 3000; // a file that was written since is of a process that lives

/**
 * When a process began, in ticks since the system did; undefined if there is none or it is a
 * zombie, and where there is no /proc.
 */
function bornOf(pid) {
  const text = attempt(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** The namespace of ids of processes; undefined where there is no /proc. */
const namespaceHere = () => attempt(() => fs.readlinkSync('/proc/self/ns/pid'));

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch ({ code }) {
    return code === 'EPERM';
  }
}

/**
 * Whether the process lives that wrote a record at `writtenAt`. Of another machine or container it
 * is judged by that time alone.
 */
function isAlive({ pid, host, ns, born }, writtenAt) {
  const isFresh = Math.abs(time.wall() - writtenAt) < FRESH_MS;
  if (host !== os.hostname() || ns !== namespaceHere() || !(pid > 0)) return isFresh;
  return born === undefined ? isThere(pid) : bornOf(pid) === born;
}

module.exports = { bornOf, isAlive, namespaceHere, killsIn };
