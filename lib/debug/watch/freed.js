'use strict';

// Watched Buffers of slabs and regions. Each has its slot or block, as all others, and memory of
// its own in the place of it: dead once it is freed, while the slot is somebody else's.

const { named } = require('../../base/name.js');
const { guarding } = require('../../node/guard/install.js');
const { Trace } = require('../trace.js');
const { endViews } = require('./dead-buffer.js');
const { ZONE } = require('./bytes.js');
const { OwnMemory } = require('./own-memory.js');
const { Record, currentRequest, memoryOf } = require('./record.js');

const { set } = Uint8Array.prototype;

/** For each slab and region, the OwnMemory of its Buffers that are not freed. */
const held = new WeakMap(); // core -> Set

/**
 * Gives a Buffer separate memory and returns it; returns it unchanged if it already has some or
 * none is available. At a stack overflow the Buffer is unchanged, because no call comes between
 * giving up the slot's memory and the return.
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
    const isGuarded = core.settings.guard && guarding.isAsked; // as it would be without debug mode
    const ab = memory.watchOperations(memory.ab, isGuarded ? core.guarded : undefined);
    if (!held.has(core)) held.set(core, new Set());
    result = watch(buffer, ab, ZONE);
    record.see(result);
    held.get(core).add(memory);
    memory.core = core; // only now, so that a Buffer which cannot be freed as a watched one is not reported as a leak
  } catch {
    // Stack overflow, or V8 has no memory.
  }
  return result;
}

/**
 * Ends a watched Buffer that was freed or sent, or whose slab or region was closed. With the guard,
 * called after its last operation.
 */
function end(memory, ended) {
  const { witness } = memory;
  held.get(memory.core)?.delete(memory);
  if (witness.count > 0 && !witness.holdsNothing) {
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

/** Called when the free is done. Reports nothing at a stack overflow. */
function freed(buffer, how) {
  let memory;
  try {
    memory = memoryOf(buffer.buffer);
    if (memory !== undefined) end(memory, endedBy(how));
  } catch {
    if (memory !== undefined) memory.core = undefined; // as if it were not watched
  }
}

function closed(core) {
  const all = held.get(core);
  if (all === undefined || all.size === 0) return;
  const ended = endedBy(all.values().next().value.record.kind);
  for (const memory of all) end(memory, ended);
}

/** Whether `ab` is the memory of a watched Buffer of that slab or region. */
const isOver = (ab, core) => memoryOf(ab)?.core === core;

module.exports = { allocated, closed, freed, isOver };
