'use strict';

// Watched Buffers of slabs and regions. Each has its slot or block, as all others, and memory of its own in the place of it: dead once it is freed, while
// the slot is somebody else's.

const { Region } = require('../../region/region.js');
const regionBuffers = require('../../region/buffer.js');
const { Slab } = require('../../slab/slab.js');
const slabBuffers = require('../../slab/buffer.js');
const { Trace } = require('../trace.js');
const { endViews } = require('./dead-buffer.js');
const { ZONE } = require('./bytes.js');
const { OwnMemory, memoryOf } = require('./own-memory.js');
const { Record, currentRequest } = require('./record.js');
const { countdown, next } = require('./sampling.js');

const kinds = [
  { kind: 'slab', prototype: Slab.prototype, ...slabBuffers, isOwn: slabBuffers.isOfSlab },
  {
    kind: 'region',
    prototype: Region.prototype,
    ...regionBuffers,
    isOwn: regionBuffers.isOfRegion,
  },
];

/** Memories of each slab and region, of Buffers that are not freed. */
const held = new WeakMap(); // core → Set

const nameOf = (kind, { name }) => (name === '' ? `a ${kind}` : `the ${kind} '${name}'`);

/** The same Buffer with memory of its own; itself where it has that, or can have none. */
function watched({ kind, coreOf, watch }, buffer, zero, below) {
  next();
  const { length } = buffer;
  const core = coreOf(buffer);
  if (length === 0 || core.auto || memoryOf(buffer.buffer) !== undefined) return buffer;
  const record = new Record(kind, nameOf(kind, core.settings), length, Trace.take(below));
  let memory;
  try {
    memory = new OwnMemory(length, zero, record);
  } catch (error) {
    if (error instanceof RangeError) return buffer;
    throw error;
  }
  const ab = memory.watchOperations(memory.ab, core.settings.guard ? core.guarded : undefined);
  memory.core = core;
  if (!held.has(core)) held.set(core, new Set());
  held.get(core).add(memory);
  return memory.see(watch(buffer, ab, ZONE));
}

/** A watched Buffer is freed or sent, or its slab or region closed. */
function end(memory, ended) {
  const { record, witness } = memory;
  const { ab } = memory;
  held.get(memory.core)?.delete(memory);
  memory.end(ended);
  endViews(record);
  if (ab === undefined) return;
  if (witness.count === 0) memory.take(ab);
  else if (memory.core.settings.guard) witness.whenOver = () => memory.take(ab);
  else {
    witness.tellInFlight();
    memory.take(ab);
  }
}

const endedBy = (how) => ({
  how,
  trace: Trace.take().settle(),
  request: currentRequest(),
  isDead: true,
});

function freed(buffer, how) {
  const memory = memoryOf(buffer.buffer);
  if (memory !== undefined) end(memory, endedBy(how));
}

function closed(core) {
  const all = held.get(core);
  if (all === undefined || all.size === 0) return;
  const ended = endedBy(all.values().next().value.record.kind);
  for (const memory of all) end(memory, ended);
}

/** Whether `ab` is of a Buffer of that slab or region. */
const isOver = (ab, core) => memoryOf(ab)?.core === core;

const allocating = (of, zero) => (original) =>
  function allocate(size, fill, encoding) {
    const buffer = original.call(this, size, fill, encoding);
    if (countdown.left-- > 0 || buffer === null) return buffer;
    return watched(of, buffer, zero, allocate);
  };

function watchFreed(patches) {
  for (const of of kinds) {
    for (const name of ['allocUnsafe', 'tryAllocUnsafe'])
      patches.method(of.prototype, name, allocating(of, false));
    for (const name of ['alloc', 'tryAlloc'])
      patches.method(of.prototype, name, allocating(of, true));
  }
}

module.exports = { closed, freed, isOver, watchFreed };
