'use strict';

// The observer: debug mode (lib/debug/observer.js), to which arenas, slabs, regions and the guard
// report events. It is set when debug mode is first turned on in a thread, and stays, so that what
// was watched until then is reported when it ends. Without one a call site costs one null check,
// `observing.observer?.freed(buffer, how)`, and none is on a hot path. Its answers never decide
// what becomes of memory. For allocations see debug/watch/methods.js.
//
//   used(view, kind, consumer): its use is refused, since it is dead. -> what explains that, if
//     anything is known of it
//   unheld(view, kind): an operation of Node is given it, and nothing holds its memory
//   freedAgain(buffer): it was freed or sent before, and somebody frees it again. -> as used()
//   freed(buffer, how): a watched Buffer of a slab or region is dead
//   opened(thing, core, kind): a slab, a region or an arena of the program's is made; `core`: what
//     closed() is called with
//   closed(core): a slab or region is closed, with what it handed out, or an arena of the
//     program's, by its owner
//   isOver(ab, core): -> whether `ab` is memory that was made for one watched Buffer of that slab
//     or region
//   readFor(place, read): read() is called for a framework, with no line of the application on the
//     stack; `place`: what has asked for it. -> its result
//   ended(window, { from, death, isHeld }, owner): an arena's epoch ends, or its spans from the
//     index `from` on; holds and operations of Node may still have some
//   gone(span): nothing has a span any more that ended
//   detached(span, own): it is a sole one, and `own` its memory, which nobody else can reach
//   held(hold, epoch, owner): the application takes a hold
//   released(hold): it is released
//   expired(epoch, count): its first `count` holds were not released in time. -> whether that is
//     told
//   stuckSlots(core, before, n): a slab has n Buffers of a pool from before that time. -> whether
//     that is told, or will be
//   stuckRequest(request): it has had its arena for long. -> whether that is told
//
// `isTesting`: debug mode was turned on, or ralloc/test is loaded, so small bodies end with their
// arena as large ones do.
const observing = { observer: null, isTesting: false };

/** read(), which a framework calls; placeOf(): what has asked for it, for people. */
const readFor = (placeOf, read) =>
  observing.observer === null ? read() : observing.observer.readFor(placeOf(), read);

module.exports = { observing, readFor };
