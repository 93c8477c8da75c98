'use strict';

// perRequest: what Buffer does, in the arena of the request that the caller works for. `ralloc
// apply` puts it in the place of `Buffer`.

const { current } = require('../arena/current.js');
const { tryAllocUnsafe } = require('../arena/try-alloc.js');
const { kSiteMemory } = require('../base/protocol.js');
const { lazy } = require('../base/lazy.js');
const { showAllocator } = require('../base/allocators.js');
const { BufferLike, kPlace } = require('./buffer-like.js');

const memory = lazy(() => require('./memory.js'));

class PerRequest extends BufferLike {
  // Hot, like site.allocUnsafe().
  allocUnsafe(size) {
    if (typeof size !== 'number' || size >>> 0 !== size) return Buffer.allocUnsafe(size);
    const arena = current();
    if (arena === undefined) return Buffer.allocUnsafe(size);
    return tryAllocUnsafe(arena, size) ?? super.allocUnsafe(size);
  }

  [kPlace](size, zero) {
    const arena = current();
    if (arena === undefined) return null;
    return zero ? arena.alloc(size) : arena.allocUnsafe(size);
  }

  /** For a profiler: see base/protocol.js. */
  [kSiteMemory](buffer) {
    return memory().memoryOf(buffer);
  }
}

showAllocator('request', PerRequest.prototype);

const perRequest = new PerRequest();

module.exports = { perRequest };
