'use strict';

// Table of contents.

const { Arena } = require('./arena.js');
const { RallocError } = require('./errors.js');
const { requestArena } = require('./express.js');
const { backend } = require('./native.js');
const { stats } = require('./stats.js');
const { version } = require('../package.json');

module.exports = { Arena, RallocError, backend, requestArena, stats, version };
