'use strict';

// The protocol between copies of ralloc in one process: the registered symbols, and what each copy may rely on when it meets one of another copy. Such copies
// can be of different releases, so the number at the end of a name goes up whenever what is said of it here changes. Copies with different numbers do not see
// each other; what that costs is said too. It never costs memory: each copy releases what it has given out itself.

module.exports = {
  /**
   * Of the ArrayBuffer behind Buffers that die with a reset or a free: who holds their memory for operations of Node
   * that use it after they returned. `take(view, kind)` begins one and returns a function, to be called once when
   * it is over; until then the memory stays as it is. `kind` is a key of stats().guarded. It throws
   * ERR_RALLOC_DEAD_BUFFER where the memory is not there any more. The function's `isFirst` says whether it is to be called
   * before the operation's own callback, and not after it. `death` says how the memory ended, once it is detached: see `deaths` in
   * base/errors.js; copies that have none there say that they do not know. `isFreed(view)`, of slabs and regions, says whether `view` is
   * dead though its bytes are there; copies that have none there are asked by take() alone, which can be too late to throw. Otherwise operations hold the Buffers of the copy alone whose guard is installed.
   */
  kHolder: Symbol.for('ralloc.holder.1'),

  /**
   * True of the ArrayBuffer behind Buffers of an arena or a slab that no kHolder holds. So release() leaves it to whoever has it.
   * Otherwise release() takes it, as a transfer list would.
   */
  kMemory: Symbol.for('ralloc.memory.1'),

  /**
   * Of the module node:stream, whatever realm or copy asks: true once Node's functions are wrapped. Otherwise they are wrapped
   * by each copy, and hold what they were given twice.
   */
  kGuard: Symbol.for('ralloc.guard.1'),

  /** The same of web streams, and of datagrams. */
  kWebGuard: Symbol.for('ralloc.guard.web.1'),
  kDatagramGuard: Symbol.for('ralloc.guard.dgram.1'),

  /**
   * True of every RallocError, which has `code` and `message`: so `instanceof RallocError` holds for errors of
   * other copies. Otherwise it is false for them, and `code` still tells.
   */
  kError: Symbol.for('ralloc.error.1'),

  /**
   * True of an arena that a middleware gave to a request: it has the methods of Arena, and ends with the
   * response. A second middleware of the same `property` gives that one. Otherwise it reports the property as
   * taken, by next(error).
   */
  kOfRequest: Symbol.for('ralloc.arena.ofRequest.1'),

  /**
   * Of an arena: ends the request that it was given to; true unless that was over. Otherwise arenas.end() is for
   * requests of its own copy.
   */
  kEndRequest: Symbol.for('ralloc.arena.endRequest.1'),

  /**
   * Of globalThis: the Set of the places of all mounts, which are the name of a property of Node's requests, or of a
   * framework's (`arena of koa`). Where there is more than one, Node's requests
   * carry their arena under `kRequestArena` too. Otherwise each copy counts only its own.
   */
  kProperties: Symbol.for('ralloc.request.properties.1'),

  /**
   * Of a request: its arena, whatever the property is called. A second middleware gives that one. Otherwise
   * the request has an arena of each copy, and each is released at the end of the response.
   */
  kRequestArena: Symbol.for('ralloc.request.arena.1'),

  /**
   * True of what requestArena() returned: so the plugin of a framework finds that it is registered already. Otherwise it reports
   * the names that it would use as taken.
   */
  kMounted: Symbol.for('ralloc.mounted.1'),

  /**
   * Of a socket or an HTTP/2 stream: `{ first, isSocket }`, a doubly linked list (`next`, `previous`) of its
   * responses that are not over, and whether it is a socket: what was written is the kernel's when its callback
   * is called. Who makes it adds a listener for `close` that calls close() of all that are in it then, and over TLS one for `end`, which
   * does so later. Otherwise the socket has a list and a listener of each copy.
   */
  kOpenResponses: Symbol.for('ralloc.socket.openResponses.1'),

  /**
   * Of the state of a request's readable side (`_readableState`): `{ chunks, isOurs }`: the chunks that Node's parser gave it
   * and nobody has read, the oldest first. Who reads them takes them off, and says so by `isOurs`: where others read they are dropped. Otherwise the bodies of a connection are released by the copy alone that
   * saw its first request.
   */
  kParsed: Symbol.for('ralloc.body.parsed.1'),

  /**
   * Of a binary's trimDepot(): a number that goes up with each copy or registry that begins to watch its depot. The one
   * that has the last number watches until the depot is empty; the others while they have arenas. Otherwise each does.
   */
  kDepotTurn: Symbol.for('ralloc.depot.turn.1'),

  /**
   * Of globalThis, once a profiler has run: `originalOf(method)`, what its wrapper of a function of Node's stands in the place of, undefined for any other
   * function; so bodies are released while it runs. `isRunning`: in this thread. `show(source, prototype)`: see kShown.
   */
  kProfiler: Symbol.for('ralloc.profiler.1'),

  /**
   * Of globalThis: a list of `{ source, prototype }`, a WeakRef, of the classes of each copy that give out Buffers: 'arena' with alloc(), allocUnsafe(), from() and concat(),
   * 'slab' with alloc(), allocUnsafe(), tryAlloc(), tryAllocUnsafe(), free(), send() and use(), 'region' with the same but for the last two, 'site' with
   * those of an arena, a `name` and kSiteMemory, 'request' with the same but for the name. Otherwise a profiler sees those of its own copy alone.
   */
  kShown: Symbol.for('ralloc.profiler.shown.1'),

  /**
   * Of a site: says of a Buffer that it handed out which memory that is of: 'heap', 'arena', 'slab' or 'region'. The last two are freed, by free() of
   * their classes. Otherwise a profiler takes it for memory that V8 collects.
   */
  kSiteMemory: Symbol.for('ralloc.site.memory.1'),

  /**
   * Of globalThis, where ralloc/auto has begun: `mount(current, limit)`, which each requestArena() calls with current() of its copy and the bytes that a request may have,
   * and which says whether its requests are to have the option `context`. `died(view)` is told of each view that was used and is dead. Otherwise lines get Buffers of Node, as they
   * do outside of requests, and the uses are counted by nobody.
   */
  kTrial: Symbol.for('ralloc.trial.1'),

  /**
   * True of a listener of the process' 'exit' that goes behind all others but those that have it. Otherwise two copies in debug mode go behind each other without end.
   */
  kLast: Symbol.for('ralloc.exit.last.1'),
};
