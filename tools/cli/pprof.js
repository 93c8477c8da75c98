'use strict';

// The profile format of pprof, for `ralloc merge --pprof` and `profiler.pprof()`. Loaded only for these, because it contains the package pprof-format, bundled.

const format = require('./dist/pprof.js');
const maker = require('../report/pprof.js');

/** The bytes of a gzipped file; undefined if `profile` is. */
const pprofOf = (profile) => profile && maker.pprofOf(profile, format);

module.exports = { pprofOf };
