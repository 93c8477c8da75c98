'use strict';

// The owner of an arena's memory decides its limit, how its chunks grow, and what happens when
// memory runs out. `ArenaOwner` owns the memory of an Arena that a user created; a request is an
// owner of its own (lib/request/request.js). An arena shares its owner with its scopes.

const check = require('../base/validate.js');
const { isDisabled } = require('../base/environment.js');
const { RallocError, rangeError } = require('../base/errors.js');
const { fromHeap } = require('../base/views.js');
const { lazy } = require('../base/lazy.js');
const { named } = require('../base/name.js');
const { observing } = require('../base/observer.js');
const { budgetOption } = require('../budget/option.js');
const { HUGE_PAGE, memoryOptions } = require('../memory/options.js');
const { install } = require('../node/guard/install.js');
const { commonDefaults, commonReaders } = require('./options.js');
const { chunkGrowth } = require('./window.js');

const pools = lazy(() => require('../memory/closed-pools.js'));

const KiB = 1024;
const MiB = 1024 * KiB;
const PAGE = 4 * KiB;
const DEFAULT_CHUNK = 64 * KiB;
const DEFAULT_MAX_BYTES = 64 * MiB;

const arenaReaders = {
  ...commonReaders,
  maxBytes: (value, name) => check.integer(value, name, 1, Number.MAX_SAFE_INTEGER),
  chunkSize: (value, name) => check.integer(value, name, PAGE, Number.MAX_SAFE_INTEGER),
  align: (value, name) => check.powerOfTwo(value, name, 1, PAGE),
  name: check.string,
  memory: memoryOptions,
  budget: budgetOption,
};

function arenaSettings(options) {
  const checked = check.options(options, arenaReaders);
  const settings = { ...commonDefaults, name: '', maxBytes: DEFAULT_MAX_BYTES, ...checked };
  if (checked.chunkSize > settings.maxBytes) {
    const range = `an integer >= ${PAGE} and <= options.maxBytes (${settings.maxBytes})`;
    throw rangeError('options.chunkSize', range, checked.chunkSize);
  }
  settings.chunkSize ??= Math.min(DEFAULT_CHUNK, settings.maxBytes);
  if (checked.memory?.hugePages !== undefined) {
    if (settings.maxBytes < HUGE_PAGE) {
      const range = `an integer >= ${HUGE_PAGE} with options.memory.hugePages`;
      throw rangeError('options.maxBytes', range, settings.maxBytes);
    }
    settings.chunkSize = Math.max(settings.chunkSize, HUGE_PAGE);
  }
  return settings;
}

class ArenaOwner {
  ofRequest = false;
  window = null; // its arena's

  constructor(options) {
    this.settings = arenaSettings(options);
    this.settings.guard = install(this.settings.guard);
    this.pool = pools().open({
      ...this.settings,
      about: { option: 'maxBytes', of: 'the arena', name: this.settings.name },
      collectsFrom: this.settings.maxBytes / 4,
    });
  }

  /** Called before each use. A request begins with its first (lib/request/request.js). */
  begin() {}

  /** Called when `arena` and its window exist. */
  opened(arena, window) {
    this.pool.window = window;
    observing.observer?.opened(arena, this, 'arena');
  }

  /** The arena's name in messages. */
  describe() {
    return named('arena', this.settings.name);
  }

  /** Bytes that windows may still hand out. Infinite here, because the pool enforces the limit. */
  get room() {
    return Number.POSITIVE_INFINITY;
  }

  /** The length of the body that is being read, if it is known. */
  get announced() {
    return 0;
  }

  get limit() {
    return this.settings.maxBytes;
  }

  /** Whether allocations go to the heap. */
  get usesHeap() {
    return isDisabled();
  }

  /** Returns a Buffer of the heap, or `existing`, which counts toward the limit as a span does. */
  allocOnHeap(size, zero, existing) {
    const { pool, settings } = this;
    pool.check();
    const refused = pool.chargeHeap(size);
    if (refused !== null) throw refused.error;
    try {
      return existing ?? fromHeap(size, zero, settings.wipe);
    } catch (error) {
      pool.dischargeHeap(size);
      throw error;
    }
  }

  dischargeHeap(bytes) {
    this.pool.dischargeHeap(bytes);
  }

  /** Bytes that the next chunk should have, after `opened` others in this epoch. */
  nextChunkSize(opened) {
    return chunkGrowth(this.settings.chunkSize, opened);
  }

  /** Bytes that a new window over `size` bytes may hand out at first. */
  charge(_need, _want, size) {
    return size;
  }

  discharge() {}

  /** Called with the Refusal of a lease; returns true if the heap serves instead. */
  refused() {
    return false;
  }

  /** For arenas.end(): an arena that a user created belongs to no request. */
  endNow() {
    return false;
  }

  /** The body of the request that it belongs to. */
  async body() {
    throw new RallocError('ERR_RALLOC_UNSUPPORTED', 'only the arena of a request has body()');
  }

  /** The body as a list of chunks. */
  async bodyChunks() {
    throw new RallocError('ERR_RALLOC_UNSUPPORTED', 'only the arena of a request has chunks()');
  }

  shrink() {
    this.pool.shrink();
  }

  /** Throws if users may not close the arenas of this owner. */
  checkClosable() {}

  close() {
    const { pool } = this;
    observing.observer?.closed(this);
    pool.window = null;
    const stats = pool.stats();
    if (!pools().keep(this.settings, pool, stats)) {
      pool.close();
      return;
    }
    const none = { used: 0, warm: 0, adopted: 0, reserved: 0, committed: 0, chunks: 0, pins: 0 };
    const last = { ...stats, ...none };
    const { guarded, interrupted, waiting } = pool;
    const { expired } = waiting;
    this.pool = { guarded, interrupted, waiting: { expired }, stats: () => last, chunks: () => [] }; // from now on another arena may use the real pool
  }
}

module.exports = { ArenaOwner };
