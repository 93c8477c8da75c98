'use strict';

// What debug puts here while it is on, for the rooms below it; null while it is off, and nothing on a hot path asks.

const tracker = {
  /** (view, kind, consumer): its use is refused, since it is dead. Returns what explains that, if anything is known of it. */
  used: null,
  /** (view, kind): an operation of Node is given it, and nothing holds its memory. */
  unheld: null,
  /** (buffer): it was freed or sent before, and somebody frees it again. Returns as used(). */
  freedAgain: null,
  /** (buffer, how): a watched Buffer of a slab or region is dead: its memory is to be detached. */
  freed: null,
  /** (core): a slab or region is closed, with what it handed out, or an arena of the program's, by its owner. */
  closed: null,
  /** (view): whether it is over memory that was made for one watched Buffer. */
  isOver: null,
  /** (place, read): read() is called for a framework, with no line of the application on the stack; `place`: what has asked for it. Returns its result. */
  readFor: null,
  /** (thing, core, kind): a slab, a region or an arena of the program's is made; `core`: what closed() is called with. */
  opened: null,
  /** (hold, epoch, owner): the application takes a hold. */
  held: null,
  /** (hold): it is released. */
  released: null,
  /** (epoch, count): its first `count` holds were not released in time. Whether that is told. */
  expired: null,
  /** (core, before, count): a slab has `count` Buffers of a pool from before that time. Whether that is told, or will be. */
  stuckSlots: null,
  /** (request): it has had its arena for long. Whether that is told. */
  stuckRequest: null,
};

/** read(), which a framework calls; placeOf(): what has asked for it, for people. */
const readFor = (placeOf, read) =>
  tracker.readFor === null ? read() : tracker.readFor(placeOf(), read);

module.exports = { readFor, tracker };
