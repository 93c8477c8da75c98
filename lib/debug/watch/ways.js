'use strict';

// Every way in which a Buffer leaves ralloc. A method that hands one out and is not in this list is a Buffer that nobody watches: a test asks it of
// each class.

const { Arena } = require('../../arena/arena.js');
const { Region } = require('../../region/region.js');
const { BufferLike } = require('../../site/buffer-like.js');
const { perRequest } = require('../../site/per-request.js');
const { Site } = require('../../site/site.js');
const { Slab } = require('../../slab/slab.js');
const arenas = require('./arenas.js');
const freed = require('./freed.js');

/** Its Buffer comes by another method of the list. */
const BY_ANOTHER = null;

/** Sites cut Buffers out of an arena's window themselves, where they can. In debug they ask the arena. */
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

/** Prototype, and its methods → make(original), which watches what the method hands out. */
const ways = [
  [Arena.prototype, { ...arenas.makers, concat: BY_ANOTHER, array: BY_ANOTHER }],
  [Slab.prototype, { ...freed.makers.Slab, use: BY_ANOTHER }],
  [Region.prototype, freed.makers.Region],
  [Site.prototype, ofSites],
  [Object.getPrototypeOf(perRequest), ofSites],
];

function watchWays(patches) {
  for (const [prototype, methods] of ways) {
    for (const [name, make] of Object.entries(methods))
      if (make !== BY_ANOTHER) patches.method(prototype, name, make);
  }
}

module.exports = { watchWays, ways };
