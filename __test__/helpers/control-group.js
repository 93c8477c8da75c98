'use strict';

// A control group with a limit of memory, where this user may make one. The kernel really kills what exceeds it.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');

const V1 = '/sys/fs/cgroup/memory';
const [ROOT, LIMIT, EVENTS] = fs.existsSync(V1)
  ? [V1, 'memory.limit_in_bytes', 'memory.oom_control']
  : ['/sys/fs/cgroup', 'memory.max', 'memory.events'];

let made = 0;

/**
 * Begins one of `most` bytes: `{ enter: the shell's line that moves a process there, kills(),
 * remove() }`; undefined where none can be made.
 */
function controlGroup(most) {
  const folder = path.join(ROOT, `ralloc-test-${process.pid}-${made++}`);
  try {
    fs.mkdirSync(folder);
    fs.writeFileSync(path.join(folder, LIMIT), String(most));
  } catch {
    return undefined;
  }
  return {
    enter: `echo $$ > ${folder}/cgroup.procs`,
    kills: () =>
      Number(/oom_kill (\d+)/.exec(fs.readFileSync(path.join(folder, EVENTS), 'latin1'))?.[1] ?? 0),
    remove: () => fs.rmdirSync(folder),
  };
}

/** Whether one can be made here. */
function canMakeGroup() {
  const group = controlGroup(2 ** 30);
  group?.remove();
  return group !== undefined;
}

module.exports = { canMakeGroup, controlGroup };
