'use strict';

// The option `budget` of an arena, a slab, a region or a middleware: returns a function that
// creates the pool's share (share.js).

const { lazy } = require('../base/lazy.js');

const shares = lazy(() => require('./share.js'));

const budgetOption = (value, name) => shares().sharing(value, name);

module.exports = { budgetOption };
