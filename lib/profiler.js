'use strict';

// `ralloc.profiler`. The recorder is loaded when it is started; an application that only may start
// it pays nothing.

const { lazy } = require('./base/lazy.js');

// But for ralloc/auto's trial the only places where lib/ loads tools/.
const load = lazy(() => require('../tools/recorder/profiler.js'));
const pprofs = lazy(() => require('../tools/cli/pprof.js'));

let started;

const profiler = {
  /** Starts recording this thread; returns the file that it appends to, or null. */
  start(options) {
    started = load().profiler;
    return started.start(options);
  },

  /** A recording in memory so far, in pprof's format, gzipped. */
  pprof() {
    return pprofs().pprofOf(started?.recorded());
  },

  /** Writes a heap snapshot; returns the file. */
  snapshot(file) {
    return load().profiler.snapshot(file);
  },

  /** Ends the recording. Returns the file, or undefined if there was none. */
  stop() {
    return started?.stop();
  },
};

module.exports = { profiler };
