'use strict';

// Watched Buffers of slabs and regions. Each has its slot or block, as all others, and memory of its own in the place of it: dead once it is freed, while
// the slot is somebody else's.

const { named } = require('../../base/name.js');
const { Trace } = require('../trace.js');
const { endViews } = require('./dead-buffer.js');
const { ZONE } = require('./bytes.js');
const { memoryOf } = require('./branded.js');
const { OwnMemory } = require('./own-memory.js');
const { Record, currentRequest } = require('./record.js');

const { set } = Uint8Array.prototype;

/** Memories of each slab and region, of Buffers that are not freed. */
const held = new WeakMap(); // core → Set

/**
 * The same Buffer with memory of its own; itself where it has that, or can have none. Where the stack ends it has what it had: no call
 * comes between what takes the memory of the slot and the return.
 */
function allocated({ kind, coreOf, watch }, buffer, bytes, below) {
  let result = buffer;
  try {
    const { length } = buffer;
    const core = coreOf(buffer);
    if (length === 0 || core.auto || memoryOf(buffer.buffer) !== undefined) return buffer;
    const record = new Record(kind, named(kind, core.settings.name), length, Trace.take(below));
    const memory = new OwnMemory(length, bytes === 'zeros', record);
    if (bytes === 'sent') set.call(new Uint8Array(memory.ab, ZONE, length), buffer);
    const ab = memory.watchOperations(memory.ab, core.settings.guard ? core.guarded : undefined);
    if (!held.has(core)) held.set(core, new Set());
    result = watch(buffer, ab, ZONE);
    memory.see(result);
    held.get(core).add(memory);
    memory.core = core; // what nobody can free as a watched one leaks nothing
  } catch {
    // The stack ends here, or V8 has no memory.
  }
  return result;
}

/** A watched Buffer is freed or sent, or its slab or region closed. With the guard that is once no operation has it. */
function end(memory, ended) {
  const { witness } = memory;
  held.get(memory.core)?.delete(memory);
  if (witness.count > 0 && memory.core.settings.guard) {
    memory.leave();
    witness.whenOver = () => finish(memory, ended);
  } else {
    finish(memory, ended);
  }
}

function finish(memory, ended) {
  const { record, witness, ab } = memory;
  memory.end(ended);
  endViews(record);
  if (ab === undefined) return;
  if (witness.count > 0) witness.tellInFlight();
  memory.take(ab);
}

const endedBy = (how) => ({
  how,
  trace: Trace.take().settle(),
  request: currentRequest(),
  isDead: true,
});

/** Called when the free is done. At the stack's end nothing is reported. */
function freed(buffer, how) {
  let memory;
  try {
    memory = memoryOf(buffer.buffer);
    if (memory !== undefined) end(memory, endedBy(how));
  } catch {
    if (memory !== undefined) memory.core = undefined; // it is as if it were not watched
  }
}

function closed(core) {
  const all = held.get(core);
  if (all === undefined || all.size === 0) return;
  const ended = endedBy(all.values().next().value.record.kind);
  for (const memory of all) end(memory, ended);
}

/** Whether `ab` is of a Buffer of that slab or region. */
const isOver = (ab, core) => memoryOf(ab)?.core === core;

module.exports = { allocated, closed, freed, isOver };
