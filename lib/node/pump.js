'use strict';

// pump(), which loads what is behind it by its first use.

const { lazy } = require('../base/lazy.js');

const pumping = lazy(() => require('./pumping.js'));

/** As stream.promises.pipeline(...streams, options), and gives the memory of chunks back when they are written. */
function pump(...args) {
  return pumping().pump(...args);
}

module.exports = { pump };
