'use strict';

// Reports of misuse: a warning, a message on a channel and a call of the application's function,
// once for each cause. What these do may be misuse too: a report that is made meanwhile waits until
// the one before is told. Warnings come through also where the process ends before Node's next
// tick, in which it would tell them.

const { channel } = require('node:diagnostics_channel');
const process = require('node:process');
const { inspect } = require('node:util');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');
const { kinds } = require('./report-kinds.js');
const { onLevel, settings } = require('./settings.js');

const NAME = 'RallocWarning';

/** Most causes that are remembered. Each has its report, of a few KiB. */
const MOST_CAUSES = 1000;

const HANDLED = Symbol('handled');

const TRACES = ['allocated', 'ended', 'operation', 'used'];
const channels = new Map(Object.keys(kinds).map((kind) => [kind, channel(`ralloc:debug:${kind}`)]));

const causes = new Map(); // text -> its first report
const listeners = new Set();
const waiting = [];
const failed = new WeakSet(); // functions of the application whose error was reported
const pending = new Set(); // warnings passed to Node that may not have been emitted yet
let isTelling = false;
let isFull = false;
let isWatching = false; // for the end of the process
let isEnding = false;

function emitNow({ code, message, detail }) {
  const warning = Object.assign(new Error(message), { name: NAME, code });
  if (detail !== undefined) warning.detail = detail;
  // A listener of the application may throw. The remaining warnings must still be emitted.
  attempt(() => process.emit('warning', warning));
}

/** `warning`: { code, message, detail }; Node prints `detail` below the message. */
function tell(warning) {
  if (isEnding) {
    emitNow(warning);
    return;
  }
  const { code, message, detail } = warning;
  pending.add(warning);
  process.emitWarning(message, { type: NAME, code, detail }); // if the application's own throws, the warning is emitted at the end
  time.nextTick(() => pending.delete(warning)); // Node emits it in the tick before this one
}

/** The facts in the record of a watched Buffer. */
function ofRecord({ of, size, allocated, request, ended } = {}) {
  const { trace, how, status, request: endedBy } = ended ?? {};
  return { of, size, allocated, request, ended: trace, how, status, endedBy };
}

const isThere = ([, value]) => value !== undefined && value !== null;
const known = (facts) => Object.fromEntries(Object.entries(facts).filter(isThere));

/** Creates the report object that the application gets. */
function make(kind, { record, cause, since: _since, count = 1, ...facts }) {
  const { size, ...all } = { ...known(ofRecord(record)), ...known(facts) };
  const bytes = all.bytes ?? (size ?? 0) * count;
  const { code } = kinds[kind];
  return known({ kind, code, message: '', size, count, bytes, ...all });
}

/** The innermost lines of a stack that identify a cause; their callers do not matter. */
const LINES = 2;
const placeOf = (trace) => (trace?.key ?? '').split('\n', LINES).join('\n');

function causeOf(report, cause) {
  if (cause !== undefined) return `${report.kind}\n${cause}`;
  const places = TRACES.map((name) => placeOf(report[name]));
  const isNowhere = places.every((place) => place === '');
  return [report.kind, ...places, isNowhere ? report.of : ''].join('\n\n');
}

/** Reports that `what` (in words) has failed; `subject`: the function or object. */
function tellFailure(error, what, subject) {
  if (failed.has(subject)) return;
  failed.add(subject);
  try {
    const [line] = inspect(error, { depth: 0 }).split('\n', 1);
    const message = `${what} failed, which is told once: ${line}`;
    tell({ code: 'RALLOC_W_REPORT_FAILED', message, detail: error?.stack });
  } catch {
    // The application's own process.emitWarning() or inspect() has thrown.
  }
}

const CALLBACK = 'the function "report" of configureDebug()';

function call(misuse) {
  const { report: fn } = settings;
  if (fn === null) return;
  try {
    const result = fn(misuse);
    if (typeof result?.then === 'function')
      result.then(undefined, (error) => tellFailure(error, CALLBACK, fn));
  } catch (error) {
    tellFailure(error, CALLBACK, fn);
  }
}

/** Runs one way of reporting, so that an error in it does not prevent the others. */
function runOne(work) {
  try {
    return work();
  } catch (error) {
    tellFailure(error, 'a report of debug mode', runOne);
    return undefined;
  }
}

function tellFull() {
  if (isFull) return;
  isFull = true;
  tell({
    code: 'RALLOC_W_REPORTS_FULL',
    message: `debug mode has reported ${MOST_CAUSES} causes, and reports no others in this process. Look at the first ones, which are often behind the rest`,
  });
}

const warn = ({ code, message }) => tell({ code, message });

/** Calls all listeners. Returns whether one of them tells the report itself. */
const isTakenBy = (all, ...args) =>
  all.map((listener) => runOne(() => listener(...args))).includes(HANDLED);

function deliver(kind, facts) {
  const report = make(kind, facts);
  const cause = causeOf(report, facts.cause);
  const first = causes.get(cause);
  if (first !== undefined) {
    first.count += report.count;
    first.bytes += report.bytes;
    if (listeners.size === 0) return first;
  }
  report.message = kinds[kind].text(report);
  const isTaken = isTakenBy([...listeners], report, first === undefined, facts.since);
  if (first !== undefined) return report;
  if (causes.size >= MOST_CAUSES) {
    runOne(tellFull);
    return report;
  }
  causes.set(cause, report);
  if (!isTaken) runOne(() => warn(report));
  runOne(() => channels.get(kind).publish(report));
  call(report);
  return report;
}

function deliverAll() {
  if (isTelling) return;
  isTelling = true;
  try {
    while (waiting.length > 0) {
      const one = waiting.shift();
      runOne(() => {
        one.misuse = deliver(one.kind, one.facts);
      });
    }
  } finally {
    isTelling = false;
  }
}

/**
 * Makes the end of the process emit all waiting warnings, and deliver all waiting reports. Call it
 * before other listeners are added, because these may report too.
 */
function watchEnd() {
  if (isWatching) return;
  isWatching = true;
  process.prependOnceListener('exit', () => {
    isEnding = true;
    for (const warning of pending) emitNow(warning);
    pending.clear();
    isTelling = false; // a report function that ends the process never returns
    deliverAll();
  });
}

function wait(kind, facts) {
  const one = { kind, facts, misuse: undefined };
  waiting.push(one);
  watchEnd();
  return one;
}

/**
 * Reports misuse; see `ofRecord()` and report-kinds.js for the facts. It calls the application's
 * code, which may do anything, even with the reported object: call it only where that is safe.
 * Returns the report, unless another one is being told.
 */
function report(kind, facts = {}) {
  const one = wait(kind, facts);
  deliverAll();
  return one.misuse;
}

/**
 * Like report(), for use within a reset or a free: reports at the next tick, or in tellWaiting().
 */
function reportLater(kind, facts) {
  if (waiting.length === 0) time.nextTick(deliverAll);
  wait(kind, facts);
}

/** Creates the report of a kind, without telling it. */
function describe(kind, facts) {
  const described = make(kind, facts);
  described.message = kinds[kind].text(described);
  return described;
}

/**
 * Calls `listener(report, isFirst, since)` for each report, also if its cause is known. If it
 * returns HANDLED, no warning is emitted. `since`: for reports with an age, the time.now() when the
 * oldest Buffer or hold was taken. @returns a function that removes the listener
 */
function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

onLevel(watchEnd);

module.exports = { HANDLED, describe, listen, report, reportLater, tellWaiting: deliverAll, warn };
