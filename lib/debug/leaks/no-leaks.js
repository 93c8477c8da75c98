'use strict';

// `ralloc/test`: a function of a test under `full`, and an error where it misuses anything, or
// leaves anything.

const { AsyncLocalStorage } = require('node:async_hooks');
const { RallocError } = require('../../base/errors.js');
const check = require('../../base/validate.js');
const time = require('../../base/time.js');
const { HANDLED, describe, listen, warn } = require('../report.js');
const { configure, isOn, settings } = require('../settings.js');
const { living } = require('../watch/own-memory.js');
const { verify } = require('../watch/watch.js');
const { groupsOf } = require('./groups.js');
const holds = require('./holds.js');
const leaks = require('./leaks.js');
const opened = require('./opened.js');

/** How long to wait for Node to finish: a response ends some turns after its last byte was read. */
const WAIT_MS = 100;
const TURNS = 2;

const readers = { waitMs: (value, name) => check.milliseconds(value, name, 0) };

const within = new AsyncLocalStorage();
let last = Promise.resolve(); // settles with the newest call: calls run one at a time, so that each report belongs to one

const turn = () => new Promise((resolve) => time.setImmediate(resolve));
const pause = () => new Promise((resolve) => time.setTimeout(resolve, 1));

/** Kind of a report -> what is there now, how it is marked as reported, and what is told of it. */
const KINDS = [
  ['leak', leaks.unfreed, leaks.forget, (group) => group],
  [
    'hold-leaked',
    holds.openHolds,
    holds.forget,
    ({ allocated: operation, ...group }) => ({ ...group, operation }),
  ],
  ['not-closed', opened.stillOpen, opened.forget, (group) => group],
];

/** Collects what is taken from now on and not given back. */
class Outstanding {
  #before = new Set(KINDS.flatMap(([, all]) => all()));

  #since(all) {
    return all().filter((one) => !this.#before.has(one));
  }

  /** Whether nothing is left, and no request in flight has a Buffer. */
  get isOver() {
    if (KINDS.some(([, all]) => this.#since(all).length > 0)) return false;
    return !living().some(({ record: { owner } }) => owner !== undefined && !owner.isOver);
  }

  /** Marks everything as reported. */
  forget() {
    for (const [, all, forget] of KINDS) this.#since(all).forEach(forget);
  }

  /** The reports about everything that is left. */
  reports() {
    return KINDS.flatMap(([name, all, , factsOf]) =>
      groupsOf(this.#since(all)).map(({ kind: _kind, ...group }) => describe(name, factsOf(group))),
    );
  }
}

function misuse(reports) {
  const texts = reports.map(({ message }) => message);
  if (texts.length > 1) texts.unshift(`${texts.length} reports of debug mode:`);
  const error = new RallocError('ERR_RALLOC_MISUSE', texts.join('\n\n'));
  return Object.defineProperty(error, 'reports', { value: reports }); // not enumerable, because test runners would print them below the message
}

/** Adds a report. The same mistake at the same lines is kept once. */
function note(reports, report) {
  const known = reports.find(({ message }) => message === report.message);
  if (known === undefined) return reports.push({ ...report }); // a copy, because the original counts all calls
  known.count += report.count;
  known.bytes += report.bytes;
  return undefined;
}

/** Waits for requests to end, and for unreachable objects to be collected. */
async function settle(outstanding, waitMs) {
  const end = time.now() + waitMs;
  for (let i = 0; i < TURNS; i++) await turn();
  while (!outstanding.isOver && time.now() < end) await pause();
  await turn(); // objects that a WeakRef was read for are kept until the end of the turn
}

/** Adds the reports to an error. If that is not possible, emits them as warnings. */
function explain(error, reports) {
  if (reports.length === 0) return;
  const isOpen = error instanceof Error && !('cause' in error) && Object.isExtensible(error);
  if (isOpen) error.cause = misuse(reports);
  else reports.filter(({ message }) => error?.cause?.message !== message).forEach(warn);
}

/** Returns what `fn` returns. A nested call throws; a call after its end waits for its turn. */
async function call(fn) {
  const run = { isRunning: true };
  try {
    return await within.run(run, fn);
  } finally {
    run.isRunning = false;
  }
}

async function watchOver(fn, waitMs) {
  const { level } = settings;
  if (isOn()) verify(); // reports earlier misuse now, so that it is not attributed to `fn`
  const outstanding = new Outstanding();
  const reports = [];
  const begin = time.now();
  const stop = listen((report, _isFirst, since) => {
    if (since < begin) return undefined; // it was taken before `fn`
    note(reports, report);
    return HANDLED; // the error will contain it
  });
  configure({ level: 'full' });
  try {
    const result = await call(fn);
    await settle(outstanding, waitMs);
    verify();
    reports.push(...outstanding.reports());
    if (reports.length === 0) return result;
  } catch (error) {
    explain(error, reports);
    throw error;
  } finally {
    stop();
    outstanding.forget();
    configure({ level });
  }
  throw misuse(reports);
}

/**
 * Calls `fn` under `full`, and returns its result. Rejects if misuse was reported meanwhile, or
 * something was taken and not given back. If `fn` throws, its error comes first.
 */
async function noLeaks(fn, options) {
  check.func(fn, 'fn');
  const { waitMs = WAIT_MS } = check.options(options, readers);
  if (within.getStore()?.isRunning) {
    const message = 'noLeaks() cannot be nested: the outer one sees everything';
    throw new RallocError('ERR_RALLOC_UNSUPPORTED', message);
  }
  const result = last.then(() => watchOver(fn, waitMs));
  last = result.catch(() => {});
  return result;
}

module.exports = { noLeaks };
