'use strict';

// Records workers with their own environment. Node reads only that environment's NODE_OPTIONS for them, so a recorder that is loaded by NODE_OPTIONS would not reach
// them. So this adds it there, and the worker removes it before user code runs (options.js).

const { syncBuiltinESMExports } = require('node:module');
const workerThreads = require('node:worker_threads');
const { attempt } = require('../../../lib/base/attempt.js');
const { loads } = require('./children.js');

function withOurs(options, variablesOver) {
  const { env } = options;
  if (env === null || typeof env !== 'object' || loads(env.NODE_OPTIONS ?? '')) return options;
  const value = { ...env, ...variablesOver(env.NODE_OPTIONS) };
  return Object.create(options, { env: { value, enumerable: true } });
}

/** `variablesOver(options)`: as patchChildren() takes it. */
function patchWorkers(patches, variablesOver) {
  const { Worker } = workerThreads;
  const proxy = new Proxy(Worker, {
    construct(target, [file, options, ...others], heir) {
      const isGiven = options !== null && typeof options === 'object';
      const given = isGiven ? attempt(() => withOurs(options, variablesOver), options) : options;
      return Reflect.construct(target, [file, given, ...others], heir === proxy ? target : heir);
    },
  });
  if (patches.value(Worker.prototype, 'constructor', proxy)) {
    patches.value(workerThreads, 'Worker', proxy);
  }
  syncBuiltinESMExports();
}

module.exports = { patchWorkers };
