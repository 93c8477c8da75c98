'use strict';

// How an earlier process of the same program ended that could not say it itself.

const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
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

module.exports = { childIn, previousIn, summaryOf };
