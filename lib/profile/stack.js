'use strict';

// The stack of a sample, without the application's own settings of Error having a part in it, or being changed by it.

const DEPTH = 16; // frames: each costs a µs

const defaultText = (error, sites) => `${error}\n    at ${sites.join('\n    at ')}`;

let target = null;
let sitesOfTarget;
let preparer; // the application's, at this moment

/** Stays where a timeout of vm's stopped JavaScript in capture(): so it serves everybody. */
function prepare(error, sites) {
  if (error !== target)
    return typeof preparer === 'function'
      ? preparer.call(Error, error, sites)
      : defaultText(error, sites);
  sitesOfTarget = sites;
  return '';
}

/** Node freezes Error with --frozen-intrinsics; then there is a text, of Error's own length. */
const isFrozen = () => Object.isFrozen(Error);

/** The frames above the function `below`, the innermost first. */
function capture(frames, below) {
  if (isFrozen()) return captureText(frames, below);
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  const own = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  if (own?.value !== prepare) preparer = own?.value;
  sitesOfTarget = undefined;
  target = {};
  try {
    // By definition: an accessor of the application's is not called, and is there again afterwards.
    Object.defineProperty(Error, 'prepareStackTrace', WITH_PREPARE);
    Object.defineProperty(Error, 'stackTraceLimit', WITH_LIMIT);
    Error.captureStackTrace(target, below);
    target.stack; // formats it
  } finally {
    if (own === undefined || own.value === prepare) delete Error.prepareStackTrace;
    else Object.defineProperty(Error, 'prepareStackTrace', own);
    if (limit === undefined) delete Error.stackTraceLimit;
    else Object.defineProperty(Error, 'stackTraceLimit', limit);
    target = null;
  }
  return (sitesOfTarget ?? []).map((site) => frames.of(site));
}

const plain = (value) => ({ value, writable: true, enumerable: true, configurable: true });
const WITH_PREPARE = plain(prepare);
const WITH_LIMIT = plain(DEPTH);

function captureText(frames, below) {
  const holder = {};
  Error.captureStackTrace(holder, below);
  const lines = String(holder.stack).split('\n').slice(1);
  return lines.map((line) => frames.parse(line)).filter((frame) => frame !== undefined);
}

module.exports = { capture };
