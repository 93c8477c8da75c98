'use strict';

// The version of ralloc, of which package.json has the original. `require('package.json')` would
// leave all of it on the heap of every application.

module.exports = { version: '0.1.0' };
