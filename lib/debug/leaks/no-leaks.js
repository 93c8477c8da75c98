'use strict';

// `ralloc/test`: a function of a test under `full`, and an error where it misuses anything, or leaves anything.

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

/** Work that is over for the program is not over for Node: a response ends some turns after its last byte was read. */
const WAIT_MS = 100;
const TURNS = 2;

const readers = { waitMs: (value, name) => check.milliseconds(value, name, 0) };

const within = new AsyncLocalStorage();
let last = Promise.resolve(); // the end of the newest call: all reports of a thread are of one at a time

const turn = () => new Promise((resolve) => time.setImmediate(resolve));
const pause = () => new Promise((resolve) => time.setTimeout(resolve, 1));

/** What is taken from now on and not given back. */
class Outstanding {
  #before = new Set([...leaks.unfreed(), ...holds.openHolds(), ...opened.stillOpen()]);

  #since(all) {
    return all.filter((one) => !this.#before.has(one));
  }

  get buffers() {
    return this.#since(leaks.unfreed());
  }

  get holds() {
    return this.#since(holds.openHolds());
  }

  get open() {
    return this.#since(opened.stillOpen());
  }

  /** Whether nothing is left, and no request is under way that has a Buffer. */
  get isOver() {
    const { buffers, holds, open } = this;
    if (buffers.length + holds.length + open.length > 0) return false;
    return !living().some(({ record: { owner } }) => owner !== undefined && !owner.isOver);
  }

  /** Marks it as reported. */
  forget() {
    for (const one of this.buffers) leaks.forget(one);
    for (const one of this.holds) holds.forget(one);
    for (const one of this.open) opened.forget(one);
  }

  /** All that is left. */
  reports() {
    const { buffers, holds: ofHolds, open } = this;
    const left = (kind, all, facts) =>
      groupsOf(all).map(({ kind: _kind, ...group }) => describe(kind, facts(group)));
    return [
      ...left('leak', buffers, (group) => group),
      ...left('hold-leaked', ofHolds, ({ allocated, ...group }) => ({
        ...group,
        operation: allocated,
      })),
      ...left('not-closed', open, (group) => group),
    ];
  }
}

function misuse(reports) {
  const [{ message }] = reports;
  const texts = reports.map((report) => report.message);
  const head = reports.length === 1 ? '' : `${reports.length} reports of debug mode:\n\n`;
  const text = reports.length === 1 ? message : texts.join('\n\n');
  const error = new RallocError('ERR_RALLOC_MISUSE', `${head}${text}`);
  return Object.defineProperty(error, 'reports', { value: reports }); // which a runner would show below their text
}

/** The same mistake at the same lines is shown once. */
function note(reports, report) {
  const known = reports.find(({ message }) => message === report.message);
  if (known === undefined) return reports.push({ ...report }); // whose count is of all calls
  known.count += report.count;
  known.bytes += report.bytes;
  return undefined;
}

/** Lets what is ending end, and what nobody has any more be nobody's. */
async function settle(outstanding, waitMs) {
  const end = time.now() + waitMs;
  for (let i = 0; i < TURNS; i++) await turn();
  while (!outstanding.isOver && time.now() < end) await pause();
  await turn(); // what was looked at in a turn is kept until its end
}

/** Adds the explanation to an error. If the error takes none, warnings carry it. */
function explain(error, reports) {
  if (reports.length === 0) return;
  const isOpen = error instanceof Error && !('cause' in error) && Object.isExtensible(error);
  if (isOpen) error.cause = misuse(reports);
  else reports.filter(({ message }) => error?.cause?.message !== message).forEach(warn);
}

/** What `fn` returns. A call within it waits for its own end; one that is made when it is over waits for its turn. */
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
  if (isOn()) verify(); // what is found of the time before is not of `fn`
  const outstanding = new Outstanding();
  const reports = [];
  const begin = time.now();
  const stop = listen((report, _isFirst, since) => {
    if (since < begin) return undefined; // and gone or late only now
    note(reports, report);
    return HANDLED; // the error tells it
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
 * Calls `fn` under `full`, and returns what it returns. Rejects if misuse was reported meanwhile, or something is not given back that was taken
 * meanwhile; what `fn` throws goes before that.
 */
async function noLeaks(fn, options) {
  check.func(fn, 'fn');
  const { waitMs = WAIT_MS } = check.options(options, readers);
  if (within.getStore()?.isRunning) {
    throw new RallocError(
      'ERR_RALLOC_UNSUPPORTED',
      'noLeaks() cannot be nested: the outer one sees everything',
    );
  }
  const before = last;
  let finish;
  last = new Promise((resolve) => {
    finish = resolve;
  });
  await before;
  try {
    return await watchOver(fn, waitMs);
  } finally {
    finish();
  }
}

module.exports = { noLeaks };
