'use strict';

// Which processors the client and the servers have. On the same ones each would take from the other
// what is to be measured, and a scheduler that moves them scatters the slices.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/** '0-2,5' as [0, 1, 2, 5]. */
function parse(list) {
  return list
    .trim()
    .split(',')
    .flatMap((range) => {
      const [from, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, n) => from + n);
    });
}

/** The processors that this process may use, or [] where the system does not say. */
function allowed() {
  try {
    const status = fs.readFileSync('/proc/self/status', 'utf8');
    return parse(/^Cpus_allowed_list:\s+(.+)$/m.exec(status)[1]);
  } catch {
    return [];
  }
}

/** Those that share a core with processor `n`, itself among them. */
function siblings(n) {
  try {
    const file = `/sys/devices/system/cpu/cpu${n}/topology/thread_siblings_list`;
    return parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return [n];
  }
}

/**
 * The client has the first core and the servers have the others: `{ client, servers }`, lists as
 * taskset reads them, or null for one core. Threads of the client's core are left idle where there
 * are other cores.
 */
function divide(processors, siblingsOf) {
  const [first, ...rest] = processors;
  if (rest.length === 0) return null;
  const shared = siblingsOf(first);
  const elsewhere = rest.filter((n) => !shared.includes(n));
  return { client: `${first}`, servers: (elsewhere.length > 0 ? elsewhere : rest).join(',') };
}

/** Moves a process, with all its threads, to these processors; whether that could be done. */
function pin(pid, processors) {
  return spawnSync('taskset', ['-a', '-c', '-p', processors, `${pid}`]).status === 0;
}

/** `divide` for this machine; null as well where processes cannot be pinned. */
function placement() {
  const processors = allowed();
  const divided = divide(processors, siblings);
  if (divided === null) return null;
  return pin(process.pid, processors.join(',')) ? divided : null; // where we are anyway
}

module.exports = { allowed, parse, divide, placement, pin };
