'use strict';

// The profile format of pprof, for `ralloc export --pprof` and `profiler.pprof()`: with the package pprof-format, bundled; loaded by those alone who want it.

const format = require('./dist/pprof.js');
const maker = require('../report/pprof.js');

/** The bytes of a file, gzipped; undefined of no profile. */
const pprofOf = (profile) => profile && maker.pprofOf(profile, format);

module.exports = { pprofOf };
