'use strict';

// The option `budget` of an arena, a slab, a region or a middleware: what makes the pool's share of it (share.js).

const { lazy } = require('../base/lazy.js');

const shares = lazy(() => require('./share.js'));

const budgetOption = (value, name) => shares().sharing(value, name);

module.exports = { budgetOption };
