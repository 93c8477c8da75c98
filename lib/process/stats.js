'use strict';

// stats(): what the whole process has.

const memory = require('../memory/stats.js');
const { inventory } = require('./inventory.js');

const stats = () => ({ ...memory.stats(), inventory: structuredClone(inventory()) });

module.exports = { sampleStats: memory.sampleStats, stats };
