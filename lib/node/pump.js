'use strict';

// pump(), which loads what is behind it by its first use.

const { lazy } = require('../base/lazy.js');

const pipeline = lazy(() => require('./pipe/pipeline.js'));

/** Like stream.promises.pipeline(...streams, options), but frees the memory of chunks when they are written. */
function pump(...args) {
  return pipeline().pump(...args);
}

module.exports = { pump };
