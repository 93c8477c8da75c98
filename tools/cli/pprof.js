'use strict';

// What pprof reads, of `ralloc export --pprof` and of `profiler.pprof()`: with the package pprof-format, bundled; loaded by those alone who want it.

const format = require('./dist/pprof.js');
const maker = require('../report/pprof.js');

/** The bytes of a file, gzipped; undefined of no profile. */
const pprofOf = (profile) => profile && maker.pprofOf(profile, format);

module.exports = { pprofOf };
