'use strict';

// stats(): what the whole process has. readiness(): whether it should get more to do.

const { instances } = require('../base/instances.js');
const memory = require('../memory/stats.js');
const { inventory } = require('./inventory.js');

/** The memory limit of this process; undefined without one. */
const limitHere = () => instances.limits.living().next().value;

function stats() {
  const limit = limitHere()?.stats();
  return {
    ...memory.stats(),
    ...(limit && { limit }),
    inventory: structuredClone(inventory()),
  };
}

function readiness() {
  const leaving = limitHere()?.leaving;
  const reason = leaving?.reason;
  if (reason !== undefined) leaving.asked();
  return { ready: reason === undefined, reason };
}

module.exports = { readiness, sampleStats: memory.sampleStats, stats };
