'use strict';

// Every method of ralloc that hands out a Buffer. A method that is missing here hands out Buffers
// that nobody watches: a test compares the list with the classes.
//
// The methods are replaced while debug mode is on. A check in the plain methods would cost every
// Buffer. Replacing them on the prototype covers existing objects too. If isNext() says that what
// is allocated now is watched, the replacements call functions of arenas.js and freed.js.
//
// `below`: the method, which the application has called. `of`: the buffer.js of slabs or regions.
// `bytes`: what is in it: 'zeros', 'unsafe', or of a token what was 'sent'.

const { Arena } = require('../../arena/arena.js');
const copy = require('../../arena/copy.js');
const regions = require('../../region/buffer.js');
const { Region } = require('../../region/region.js');
const { BufferLike } = require('../../site/buffer-like.js');
const { perRequest } = require('../../site/per-request.js');
const { Site } = require('../../site/site.js');
const slabs = require('../../slab/buffer.js');
const { Slab } = require('../../slab/slab.js');
const arenas = require('./arenas.js');
const { allocated } = require('./freed.js');
const { isNext } = require('./sampling.js');

/** For a method that returns the Buffer of another method in the list. */
const BY_ANOTHER = null;

const allocating = (of, bytes) => (original) =>
  function allocate(size, fill, encoding) {
    const isFilled = bytes === 'zeros' && fill !== undefined; // alloc() with a fill calls allocUnsafe()
    if (isFilled || !isNext()) return original.call(this, size, fill, encoding);
    const buffer = original.call(this, size, fill, encoding);
    return buffer === null ? null : allocated(of, buffer, bytes, allocate);
  };

/**
 * The methods that slabs and regions have in common. `of`: the first argument of allocated().
 */
const allocatingAll = (of) => ({
  allocUnsafe: allocating(of, 'unsafe'),
  tryAllocUnsafe: allocating(of, 'unsafe'),
  alloc: allocating(of, 'zeros'),
  tryAlloc: allocating(of, 'zeros'),
});

const allocatingIn = (zero) => (original) =>
  function allocate(size, value, encoding) {
    const isFilled = zero && value !== undefined; // alloc() with a fill calls allocUnsafe()
    const isPicked = !isFilled && isNext();
    const buffer = isPicked ? arenas.allocating(this, size, zero, allocate) : undefined;
    return buffer ?? original.call(this, size, value, encoding);
  };

/** For every kind of value: while observed, strings are not written directly into the window. */
const fromIn = (original) =>
  function from(value, encoding, length) {
    if (!isNext()) return original.call(this, value, encoding, length);
    const allocator = {
      allocUnsafe: (size) => arenas.allocating(this, size, false, from) ?? this.allocUnsafe(size),
    };
    // `?? undefined` prevents a tail call: JavaScriptCore would drop this function's frame.
    return copy.from(allocator, value, encoding, length) ?? undefined;
  };

const adoptIn = (original) =>
  function adopt(buffer) {
    if (!isNext()) return original.call(this, buffer);
    const adopted = original.call(this, buffer);
    arenas.adopted(this, adopted, adopt);
    return adopted;
  };

/** For methods that read a stream and return a promise of a Buffer or of a list. */
const reading = (original) =>
  function read(...args) {
    const promise = Reflect.apply(original, this, args);
    if (isNext()) arenas.reading(this, promise, read);
    return promise;
  };

const ofArenas = {
  allocUnsafe: allocatingIn(false),
  alloc: allocatingIn(true),
  from: fromIn,
  adopt: adoptIn,
  collect: reading,
  body: reading,
  chunks: reading,
  concat: BY_ANOTHER,
  array: BY_ANOTHER,
};

/** For receive() and revoke(), whose Buffer is over the slot of an earlier Buffer. */
const receiving = (original) =>
  function receive(token) {
    if (!isNext()) return original.call(this, token);
    return allocated(slabs, original.call(this, token), 'sent', receive);
  };

const ofSlabs = {
  ...allocatingAll(slabs),
  receive: receiving,
  revoke: receiving,
  use: BY_ANOTHER,
};

const ofRegions = allocatingAll(regions);

/**
 * Always asks the arena: otherwise these methods cut Buffers out of its window themselves, which
 * debug mode would not see.
 */
const asking = () =>
  function allocUnsafe(size) {
    return BufferLike.prototype.allocUnsafe.call(this, size);
  };

const ofSites = {
  allocUnsafe: asking,
  alloc: BY_ANOTHER,
  from: BY_ANOTHER,
  concat: BY_ANOTHER,
};

/** `methods`: name -> make(original), or BY_ANOTHER; all of a class that hand out a Buffer. */
const observed = [
  { prototype: Arena.prototype, methods: ofArenas },
  { prototype: Slab.prototype, methods: ofSlabs },
  { prototype: Region.prototype, methods: ofRegions },
  { prototype: Site.prototype, methods: ofSites },
  { prototype: Object.getPrototypeOf(perRequest), methods: ofSites },
];

/** Replaces them until `patches` are restored. */
function observe(patches) {
  for (const { prototype, methods } of observed)
    for (const [name, make] of Object.entries(methods))
      if (make !== BY_ANOTHER) patches.method(prototype, name, make);
}

module.exports = { observe, observed };
