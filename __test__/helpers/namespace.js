'use strict';

// Processes in mount namespaces of their own: with another /dev/shm, and files of the kernel that say something else.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { testWhere } = require('./backend.js');
const { canShare } = require('./slab-process.js');

/** The arguments of `unshare` by which this user may mount; null if it may not. */
const flags = (() => {
  if (!canShare) return null;
  const may = (flag) => spawnSync('unshare', [flag, 'true'], { stdio: 'ignore' }).status === 0;
  return ['-m', '-Urm'].find(may) ?? null;
})();

/** A test that needs mounts. */
const mountTest = (title, body) =>
  testWhere(flags !== null, 'a namespace with mounts of its own', title, body);

/** What a program writes, as JSON, that is started after the commands of a shell. */
function runAfter(t, commands, program, ...args) {
  const shell = [...commands, 'exec "$@"'].join(' && ');
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [flags, 'sh', '-c', shell, 'sh', process.execPath, program, ...args],
    { encoding: 'utf8' },
  );
  t.is(status, 0, stderr);
  return JSON.parse(stdout);
}

/** The files that tell a control group's limit, usage and kinds of memory, of version 1 or 2; undefined where there are none. */
function memoryFiles() {
  for (const line of fs.readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, controllers, group] = line.split(':');
    const files = {
      memory: [
        '/sys/fs/cgroup/memory',
        'memory.limit_in_bytes',
        'memory.usage_in_bytes',
        'memory.stat',
      ],
      '': ['/sys/fs/cgroup', 'memory.max', 'memory.current', 'memory.stat'],
    }[controllers];
    if (files === undefined) continue;
    const [top, ...names] = files;
    const paths = names.map((name) => `${top}${group === '/' ? '' : group}/${name}`);
    if (paths.every((path) => fs.existsSync(path))) return paths;
  }
  return undefined;
}

module.exports = { memoryFiles, mountTest, runAfter };
