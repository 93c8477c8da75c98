'use strict';

// `ralloc.profiler`. The recorder is loaded when it is started; an application that only may start it pays nothing.

const { lazy } = require('./base/lazy.js');

/** The two ways from lib/ to tools/. */
const load = lazy(() => require('../tools/recorder/profiler.js'));
const pprofs = lazy(() => require('../tools/cli/pprof.js'));

let started;

const profiler = {
  /** Records this thread from now on; returns the file that it appends to, or null. */
  start(options) {
    started = load().profiler;
    return started.start(options);
  },

  /** What a recording in memory has so far, for pprof, gzipped. */
  pprof() {
    return pprofs().pprofOf(started?.recorded());
  },

  /** Writes a heap snapshot; returns the file. */
  snapshot(file) {
    return load().profiler.snapshot(file);
  },

  /** Ends it. Returns the file, or undefined where none was being written. */
  stop() {
    return started?.stop();
  },
};

module.exports = { profiler };
