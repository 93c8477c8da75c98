'use strict';

// Records this thread: starts a recorder, and a session that writes its blocks to a file.

const { isMainThread } = require('node:worker_threads');
const { RallocError } = require('../../lib/base/errors.js');
const { Recorder, isRunning } = require('./recorder.js');
const { Session } = require('./session.js');
const { Snapshots } = require('./snapshots.js');
const { Writer, prepare } = require('./writer.js');

const runningError = () =>
  new RallocError(
    'ERR_RALLOC_PROFILE_RUNNING',
    'A profiler already records this thread. Stop it first, or start the application without "ralloc profile"',
  );

let latest;

/**
 * Begins a session of this thread, which ends with the thread at the latest. `append`: keep what other threads and processes have
 * written to the file. `writer`: used instead of a file. `onFailure(error)` is called if it ends early, `onOver()` at its end.
 */
function record({ file, append, maxBytes, writer, ...others }, onFailure, onOver) {
  const { snapshotSignal: signal, snapshotAbove: above, ...options } = others;
  if (isRunning()) throw runningError();
  if (writer === undefined && !append) prepare(file, maxBytes);
  const onSample = () => session.onSample();
  const onPost = isMainThread ? undefined : () => session.onPost();
  const recorder = new Recorder({ ...options, onSample, onPost });
  const flush = () => session.flush();
  const snapshots = new Snapshots({ profile: file, signal, above, flush });
  const end = () => {
    snapshots.stop();
    onOver?.();
  };
  const look = (bytes) => snapshots.look(bytes);
  const session = new Session(recorder, writer ?? new Writer(file, maxBytes), onFailure, end, look);
  session.start();
  snapshots.start();
  latest = { session, file };
  return session;
}

/** The latest session of this thread, with its `file`. */
const latestSession = () => latest;

module.exports = { latestSession, record };
