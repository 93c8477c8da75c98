'use strict';

// A node:cluster server of compressed files, whose workers share one cache:
//
//   node examples/cluster-cache.js FOLDER [--port 7009] [--workers 4] [--memory MiB]
//   curl --compressed http://127.0.0.1:7009/index.html
//   curl --request PURGE http://127.0.0.1:7009/index.html
//
// A file is compressed once for all workers. The bytes are in a slab that all of them have, and no byte of it goes through
// a pipe: messages have names and tokens.
//
//   worker                               primary
//   ask { key }                     ──▶  has it: { token }, a copy of the worker's own
//                                        has it not: { making } to the first who asks; the others wait
//   room { making, length }         ──▶  { token } of a Buffer to fill, or of none
//   made { making, token }          ──▶  keeps it, and lends it to those who wait
//   back { lease, token }           ──▶  frees it
//                                   ◀──  drop { key }: begin no other response with it
//
// A slot has one owner at a time. So the primary keeps the original and lends copies, at most one to a worker: 64 KiB within
// the shared memory take a few µs. A worker reads its copy for as many responses as it likes, with no message at all, and
// gives it back when it has not used it for `leaseMs`, or when it is told to.
//
// The primary alone takes slots. Where a pool is full, the entry that was not used for the longest time makes room. Where that
// does not help, since slow clients still read all the copies, a worker compresses for itself, on its heap.
//
// A worker may be killed at any moment. What it had is free then, what it was to make is made by another one who
// waits for it, and a new worker is started. The cache loses nothing.

const { parseArgs } = require('node:util');
const { ClusterCache } = require('./cluster/primary.js');
const { program } = require('./shared/program.js');

const MiB = 2 ** 20;
const USAGE = 'usage: node cluster-cache.js FOLDER [--port N] [--workers N] [--memory MiB]';

function parse(words) {
  const number = { type: 'string' };
  const { values, positionals } = parseArgs({
    args: words,
    options: { port: number, workers: number, memory: number },
    allowPositionals: true,
  });
  if (positionals.length !== 1) throw new TypeError('name one folder');
  const read = (name, fallback, least, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`--${name} must be from ${least} to ${most}, not ${values[name]}`);
  };
  return {
    dir: positionals[0],
    port: read('port', 7009, 0, 65_535),
    workers: read('workers', 4, 1, 1000),
    memory: read('memory', 64, 5, 65_536) * MiB,
  };
}

const tell = ({ stats: { made, lent, heap, evicted, restarts } }) => [
  `${made} made, ${lent} lent, ${heap} without room, ${evicted} made room`,
  `${restarts} workers started again`,
];

program(module, { usage: USAGE, parse, create: (options) => new ClusterCache(options), tell });
