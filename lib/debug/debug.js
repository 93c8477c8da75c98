'use strict';

// The way in. What is required here for its effect turns itself on and off by onLevel().

const { configure, start } = require('./settings.js');

/** Changes the options that are given, and leaves the others as they are. */
function configureDebug(options) {
  configure(options);
}

start();

module.exports = { configureDebug };
