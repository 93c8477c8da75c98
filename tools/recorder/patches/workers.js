'use strict';

// Records workers that have their own environment. Node reads NODE_OPTIONS only from that environment, so the parent's recorder would not be loaded in them. This
// adds it there, and the worker removes it before user code runs (pass-on.js).

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
