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
 * The end of the newest other process of this program, if it did not end by itself and was not told
 * before; else undefined.
 */
function previousIn(folder, own) {
  for (const { file } of filesIn(folder).slice(0, MOST_FILES)) {
    if (file === own || !attempt(() => mayBeOf(file, process.argv[1]), false)) continue;
    const flight = attempt(() => readFlight(file), { fault: 'cannot be read' });
    if (flight.fault !== undefined) continue;
    const found = attempt(() => explanation().explain(flight));
    if (found === undefined || found.record.process.app !== process.argv[1]) continue;
    if (found.how.how === 'running') continue;
    if (flight.isTold || ENDS.includes(found.how.how)) return undefined;
    attempt(() => markTold(file));
    return summaryOf(file, found);
  }
  return undefined;
}

/**
 * The end of a child that began at `since` and has a recording in the folder, if it did not end by
 * itself; else undefined.
 */
function childIn(folder, { pid, since, signal }) {
  const name = new RegExp(`^ralloc-.+-${pid}-\\d+(?:\\.\\d+)?\\.flight$`);
  for (const { file } of filesIn(folder, name)) {
    const flight = attempt(() => readFlight(file), { fault: 'cannot be read' });
    const found =
      flight.fault === undefined && attempt(() => explanation().explain(flight, signal));
    if (!found || found.record.process.pid !== pid || !(found.record.process.started >= since))
      continue;
    if (flight.isTold || ENDS.includes(found.how.how)) return undefined;
    attempt(() => markTold(file));
    return summaryOf(file, found);
  }
  return undefined;
}

module.exports = { childIn, previousIn, summaryOf };
