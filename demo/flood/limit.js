'use strict';

// What limits the memory of a server: `ulimit -d`, or a control group of its own below the demo's, where the machine lets one be made.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

/** Bytes that Node begins with, and does not use: they count for `ulimit -d` all the same. */
function reserved() {
  const print = "console.log(fs.readFileSync('/proc/self/status', 'utf8'))";
  const { stdout } = spawnSync(process.execPath, ['-e', print], { encoding: 'utf8' });
  const [data, used] = ['VmData', 'RssAnon'].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(stdout)[1]),
  );
  return 1024 * (data - used);
}

const VERSIONS = [
  {
    line: /^0::(.*)$/m,
    mount: '/sys/fs/cgroup',
    files: ['memory.max', 'memory.swap.max'],
    swap: 0,
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    mount: '/sys/fs/cgroup/memory',
    files: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
  },
];

/** Writes to a file of the kernel's: where there is no controller, a folder may be one like any other. */
const set = (folder, name, value) =>
  fs.writeFileSync(path.join(folder, name), `${value}`, { flag: 'r+' });

/** Makes a group of at most so many bytes, and no swap. */
function fill(folder, bytes, { files: [memory, withSwap], swap = bytes }) {
  fs.mkdirSync(folder);
  try {
    set(folder, memory, bytes);
  } catch (error) {
    fs.rmdirSync(folder);
    throw error;
  }
  try {
    set(folder, withSwap, swap);
  } catch {} // the machine counts no swap
}

/** The folder of a new group. Throws where none can be made. */
function makeGroup(bytes) {
  const groups = fs.readFileSync('/proc/self/cgroup', 'utf8');
  let failure = new Error('there is no controller of memory');
  for (const version of VERSIONS) {
    const own = version.line.exec(groups)?.[1];
    if (own === undefined) continue;
    // A group of version 2 that has processes has no groups with limits below it: there it is one beside.
    for (const above of [own, path.dirname(own)]) {
      const folder = path.join(version.mount, above, `ralloc-flood-${process.pid}`);
      try {
        fill(folder, bytes, version);
        return folder;
      } catch (error) {
        failure = error;
      }
    }
  }
  throw failure;
}

/** Of a process: `line` is what sh does in front of exec, end() is called once it has ended. */
function limitOf({ dataBytes, groupBytes }) {
  if (groupBytes === undefined) {
    const kilobytes = Math.floor((dataBytes + reserved()) / 1024);
    return { line: `ulimit -d ${kilobytes}`, end() {} };
  }
  const folder = makeGroup(groupBytes);
  return {
    line: `echo $$ > '${path.join(folder, 'cgroup.procs')}'`,
    end: () => fs.rmdirSync(folder),
  };
}

/** Why no group can be made here; undefined where one can. */
function whyNoGroup(bytes) {
  try {
    limitOf({ groupBytes: bytes }).end();
  } catch (error) {
    return error.message;
  }
  return undefined;
}

module.exports = { limitOf, whyNoGroup };
