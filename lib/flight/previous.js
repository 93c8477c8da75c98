'use strict';

// How other processes ended that could not say it themselves: an earlier one of the same program,
// and children, such as workers of node:cluster that were killed, if they have a recorder.

const channels = require('node:diagnostics_channel');
const fs = require('node:fs');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const time = require('../base/time.js');
const { markTold, mayBeOf, readFlight } = require('./file.js');
const { filesIn } = require('./folder.js');

/** What reads a recording is loaded where there is one. */
const explanation = lazy(() => require('./explain.js'));

const MOST_FILES = 16;
const ENDS = ['exit', 'signal', 'closed', 'running'];

/** What is told of a recording: plain data. */
function summaryOf(file, { how, kind, bytes, line, advice, time, record }) {
  const { pid, host, app } = record.process;
  return {
    line,
    how: how.how,
    isLikely: how.isLikely === true,
    kind,
    bytes,
    advice,
    pid,
    host,
    app,
    at: new Date(time).toISOString(),
    file,
  };
}

/**
 * The end that the newest of `files` tells, if it `mayBe` the one and what it tells `isIt`; not if
 * the process ended by itself or that was told before. `signal`: what its parent was told.
 */
function newest(files, mayBe, isIt, signal) {
  for (const one of files) {
    const { file } = one;
    const flight = mayBe(one) && attempt(() => readFlight(file));
    if (!flight || flight.fault !== undefined) continue;
    const found = attempt(() => explanation().explain(flight, signal));
    if (found === undefined || !isIt(found)) continue;
    if (flight.isTold || ENDS.includes(found.how.how)) return undefined;
    attempt(() => markTold(file));
    return summaryOf(file, found);
  }
  return undefined;
}

/**
 * The end of the newest other process of this program, if it did not end by itself and was not told
 * before; else undefined.
 */
function previousIn(folder, own) {
  const [, app] = process.argv;
  const mayBe = ({ file }) => file !== own && attempt(() => mayBeOf(file, app), false);
  const isIt = ({ how, record }) => record.process.app === app && how.how !== 'running';
  return newest(filesIn(folder).slice(0, MOST_FILES), mayBe, isIt);
}

/**
 * The end of a child that began at `since` and has a recording in the folder, if it did not end by
 * itself; else undefined.
 */
function childIn(folder, { pid, since, signal }) {
  const name = new RegExp(`^ralloc-.+-${pid}-\\d+(?:\\.\\d+)?\\.flight$`);
  const isIt = ({ record: { process: child } }) => child.pid === pid && child.started >= since;
  return newest(filesIn(folder, name), () => true, isIt, signal);
}

const CHANNEL = 'child_process'; // which tells of each new child
const EARLY_MS = 1000; // clocks are set

/** Tells of those whose recordings are in `folder`. Returns a function that ends that. */
function watchChildren(folder) {
  const onExit = (pid, since, code, signal) => {
    if (!(pid > 0) || code === 0) return;
    const found = attempt(() => childIn(folder, { pid, since, signal: signal ?? undefined }));
    if (found === undefined) return;
    attempt(() => fs.writeSync(2, `${JSON.stringify({ ralloc: 'childExit', ...found })}\n`));
  };
  const onChild = ({ process: child }) => {
    const since = time.wall() - EARLY_MS;
    attempt(() => child.once('exit', (...end) => onExit(child.pid, since, ...end)));
  };
  channels.subscribe(CHANNEL, onChild);
  return () => channels.unsubscribe(CHANNEL, onChild);
}

module.exports = { previousIn, summaryOf, watchChildren };
