'use strict';

// Lists every method of ralloc that hands out a Buffer. A method that is missing here hands out
// Buffers that nobody watches: a test compares the list with the classes.

const arena = require('../../arena/observed.js');
const region = require('../../region/observed.js');
const site = require('../../site/observed.js');
const slab = require('../../slab/observed.js');

const observed = [arena.observed, slab.observed, region.observed, ...site.observed];

module.exports = { observed };
