'use strict';

// What Linux says of a process's memory.

const { readFileSync } = require('node:fs');

const read = (pid, file) => readFileSync(`/proc/${pid}/${file}`, 'utf8');

/** Bytes that are locked. */
const locked = (pid = 'self') => Number(/VmLck:\s+(\d+)/.exec(read(pid, 'status'))[1]) * 1024;

/** How many ranges of memory are bound to a node; `file`: those of a file's memory alone. */
const boundRanges = (numaNode, file = '', pid = 'self') =>
  read(pid, 'numa_maps')
    .split('\n')
    .filter((line) => line.split(' ')[1] === `bind:${numaNode}` && line.includes(file)).length;

/** Whether the kernel knows NUMA nodes, and lets this process choose. */
const knowsNodes = (() => {
  try {
    return read('self', 'numa_maps').length > 0;
  } catch {
    return false;
  }
})();

module.exports = { boundRanges, knowsNodes, locked };
