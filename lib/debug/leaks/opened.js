'use strict';

// The program's arenas, slabs and regions that are not closed, and those that were collected.

const { named } = require('../../base/name.js');
const time = require('../../base/time.js');
const { isOfSites } = require('../../site/memory.js');
const { report } = require('../report.js');
const { isOn } = require('../settings.js');
const { Trace } = require('../trace.js');
const { isNext } = require('../watch/sampling.js');

const open = new Set();
const byCore = new WeakMap();
const dropped = new FinalizationRegistry(tellDropped);

/** `core`: the object with its memory, which is closed with it; for an arena, its owner. */
function opened(thing, core, kind) {
  if (!isNext()) return;
  const ref = new WeakRef(core); // the core of a slab that processes share refers to the slab
  const one = {
    kind,
    of: named(kind, core.settings.name),
    at: time.now(),
    allocated: Trace.take().settle(), // otherwise V8's stack keeps it, as the `this` of its constructor
    get core() {
      return ref.deref();
    },
  };
  open.add(one);
  byCore.set(core, one);
  dropped.register(thing, one);
}

function closed(core) {
  open.delete(byCore.get(core));
}

function tellDropped(one) {
  if (!open.delete(one) || !isOn()) return;
  const { of, allocated, at } = one;
  const held = one.core?.held ?? 0;
  const buffers = held === 1 ? 'a Buffer of it is' : `${held} Buffers of it are`;
  const detail = `nobody has it any more${held > 0 ? `, and ${buffers} not freed` : ''}`;
  report('not-closed', { of, allocated, age: time.now() - at, since: at, detail });
}

/** The program's open ones, without those of sites, which are never closed. */
const stillOpen = () => [...open].filter(({ core }) => core === undefined || !isOfSites(core));

/** Marks it as reported. */
const forget = (one) => open.delete(one);

module.exports = { closed, forget, opened, stillOpen };
