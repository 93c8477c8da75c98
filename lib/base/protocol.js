'use strict';

// The protocol between copies of ralloc in one process: the registered symbols, and what each copy
// may rely on when it meets one of another copy. Such copies can be of different releases, so the
// number at the end of a name goes up whenever what is said of it here changes. Copies with
// different numbers do not see each other; what that costs is said too. It never costs memory: each
// copy releases what it has given out itself.

module.exports = {
  /**
   * Property of the ArrayBuffer behind Buffers that die with a reset or a free: the object that
   * holds their memory for operations of Node that use it after they returned. `take(view, kind)`
   * begins an operation and returns a function, which must be called once when it is over; until
   * then the memory stays as it is. `kind` is a key of stats().guarded. take() throws
   * ERR_RALLOC_DEAD_BUFFER if the memory is gone. If the function's `isFirst` is true, it must be
   * called before the operation's own callback, otherwise after it. `death` says how the memory
   * ended, once it is detached: a key of `deaths` in base/errors.js. Without it the cause is
   * unknown. `isFreed(view)`, of slabs and regions, says whether `view` is dead although its bytes
   * are there. Without it only take() tells, perhaps too late to throw. Copies with another number:
   * the guard holds only the Buffers of the copy that installed it.
   */
  kHolder: Symbol.for('ralloc.holder.1'),

  /**
   * True on the ArrayBuffer of an arena or a slab without a kHolder, so that release() leaves it
   * alone. Copies with another number: release() takes it away, as a transfer list would.
   */
  kMemory: Symbol.for('ralloc.memory.1'),

  /**
   * Property of the module node:stream, seen by all realms and copies: true once Node's functions
   * are wrapped. Copies with another number:
   * each wraps them, and they hold their Buffers twice.
   */
  kGuard: Symbol.for('ralloc.guard.1'),

  /** Like kGuard, for web streams and for datagrams. */
  kWebGuard: Symbol.for('ralloc.guard.web.1'),
  kDatagramGuard: Symbol.for('ralloc.guard.dgram.1'),

  /**
   * True on every RallocError, so that `instanceof RallocError` is true for errors of other copies.
   * Copies with another number: it is false for theirs; `code` still tells.
   */
  kError: Symbol.for('ralloc.error.1'),

  /**
   * True on an arena that a middleware gave to a request: it has the methods of Arena, and ends
   * with the response. A second middleware with the same `property` uses that arena. Copies with
   * another number: the second one passes an error to next(), which says that the property is
   * taken.
   */
  kOfRequest: Symbol.for('ralloc.arena.ofRequest.1'),

  /**
   * Method of an arena: ends its request; returns true unless that was over. Copies with another
   * number: arenas.end() works only for requests of its own copy.
   */
  kEndRequest: Symbol.for('ralloc.arena.endRequest.1'),

  /**
   * Property of globalThis: a Set with the place of each mount, which is the name of a property of
   * Node's requests, or of a framework's (`arena of koa`). If there is more than one, Node's
   * requests have their arena at `kRequestArena` too. Copies with another number: each sees only
   * its own mounts.
   */
  kProperties: Symbol.for('ralloc.request.properties.1'),

  /**
   * Property of a request: its arena, whatever the option `property` is. A second middleware uses
   * that arena. Copies with another number: the request has an arena of each copy, and each is
   * released at the end of the response.
   */
  kRequestArena: Symbol.for('ralloc.request.arena.1'),

  /**
   * True on the result of requestArena(), so that the plugin of a framework sees that it is already
   * registered. Copies with another number: the plugin reports that its names are taken.
   */
  kMounted: Symbol.for('ralloc.mounted.1'),

  /**
   * Property of a socket or an HTTP/2 stream: `{ first, last, isSocket, onClose }`, a doubly linked
   * list (`next`, `previous`) of its open responses, the newest first; `isSocket`: the kernel has a
   * chunk when its write calls back; `onClose`: the listener for `close` of Node's responses, which
   * calls close() of the oldest whose isOpenFor(res) is true. The code that creates the list adds a
   * listener for the socket's `close`, which calls close() of each response in it, and over TLS one
   * for `end`, which does so later. Copies with another number: the socket has a list and a
   * listener of each copy.
   */
  kOpenResponses: Symbol.for('ralloc.socket.openResponses.2'),

  /**
   * Property of a request's `_readableState`: `{ chunks, isOurs }`. `chunks`: those that Node's
   * parser gave it and that are unread, the oldest first. A reader of ralloc removes them, and sets
   * `isOurs`; if other code reads, they are dropped. Copies with another number: only the copy that
   * saw the first request of a connection releases its bodies.
   */
  kParsed: Symbol.for('ralloc.body.parsed.1'),

  /**
   * Property of a binary's trimDepot(): a number, incremented by each copy or module registry that
   * begins to watch the depot. The one with the last number watches until the depot is empty, the
   * others only while they have arenas. Copies with another number: each watches.
   */
  kDepotTurn: Symbol.for('ralloc.depot.turn.1'),

  /**
   * Property of globalThis, once a profiler has run. `originalOf(method)`: the function of Node
   * that the profiler's wrapper replaced, undefined for any other function, so that bodies are
   * released while it runs. `isRunning`: in this thread. `show(source, prototype)`: see kShown.
   */
  kProfiler: Symbol.for('ralloc.profiler.1'),

  /**
   * Property of globalThis: a list of `{ source, prototype }` (`prototype`: a WeakRef) of each
   * copy's classes that hand out Buffers. 'arena' has alloc(), allocUnsafe(), from() and concat();
   * 'slab' has alloc(), allocUnsafe(), tryAlloc(), tryAllocUnsafe(), free(), send() and use();
   * 'region' the same except for send() and use(); 'site' the methods of an arena, a `name` and
   * kSiteMemory; 'request' the same without a name. Copies with another number: a profiler sees
   * only the classes of its own copy.
   */
  kShown: Symbol.for('ralloc.profiler.shown.1'),

  /**
   * Method of a site: returns the kind of memory that a Buffer of it is in: 'heap', 'arena', 'slab'
   * or 'region'. The last two are freed by free() of their classes. Copies with another number: a
   * profiler counts such Buffers as memory that V8 collects.
   */
  kSiteMemory: Symbol.for('ralloc.site.memory.1'),

  /**
   * Property of globalThis, once ralloc/auto has begun. Each requestArena() calls `mount(current,
   * limit)` with the current() of its copy and the limit of a request, which returns whether its
   * requests must have the option `context`. `died(view)` is called for each use of a dead view.
   * Copies with another number: changed lines get Buffers of Node, as outside of requests, and uses
   * of dead views are not counted.
   */
  kTrial: Symbol.for('ralloc.trial.1'),

  /**
   * Property of globalThis, once ralloc/auto has changed a parser of bodies: what it calls, and
   * `kindOf()` of its files (node/provenance.js). Copies with another number: each changes its own.
   */
  kBodies: Symbol.for('ralloc.bodies.3'),

  /**
   * True on a listener of 'exit' that moves itself behind all other listeners, except for those
   * with this property. Without it two copies in debug mode would overtake each other for ever.
   */
  kLast: Symbol.for('ralloc.exit.last.1'),
};
