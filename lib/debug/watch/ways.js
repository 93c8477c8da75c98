'use strict';

// Every way in which a Buffer leaves ralloc. A method that hands one out and is not in this list is a Buffer that nobody watches: a test asks it of
// each class.

const arena = require('../../arena/observed.js');
const region = require('../../region/observed.js');
const site = require('../../site/observed.js');
const slab = require('../../slab/observed.js');

const ways = [arena.ways, slab.ways, region.ways, ...site.ways];

module.exports = { ways };
