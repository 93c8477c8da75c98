'use strict';

// pump(). Its implementation, pipe/pipeline.js, is loaded by the first call.

const { lazy } = require('../base/lazy.js');

const pipeline = lazy(() => require('./pipe/pipeline.js'));

/**
 * Like stream.promises.pipeline(...streams, options), but frees the memory of chunks when they are
 * written.
 */
function pump(...args) {
  return pipeline().pump(...args);
}

module.exports = { pump };
