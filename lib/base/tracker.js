'use strict';

// What debug puts here while it is on, for the rooms below it; null while it is off, and nothing on a hot path asks.

const tracker = {
  /** (view): its use is refused, since it is dead. Returns what explains that, if anything is known of it. */
  used: null,
  /** (buffer): it was freed or sent before, and somebody frees it again. Returns as used(). */
  freedAgain: null,
  /** (buffer, how): a watched Buffer of a slab or region is dead: its memory is to be detached. */
  freed: null,
  /** (core): a slab or region is closed, with what it handed out. */
  closed: null,
  /** (view): whether it is over memory that was made for one watched Buffer. */
  isOver: null,
  /** (thing, kind, name): a slab, a region or an arena of the program's is made. */
  opened: null,
  /** (epoch, hold, of): a hold is taken. */
  held: null,
};

module.exports = { tracker };
