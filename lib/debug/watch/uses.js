'use strict';

// Uses of dead Buffers, told with what is known of them.

const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { recordOf } = require('./record.js');

let isTaking = false; // whether a stack is being taken, which may run code that uses Buffers

/**
 * Reports a use of the dead `view`. `use`: a description of the call, or a function that derives
 * one from the trace. Returns an Error that explains it, as the cause for the error to throw;
 * undefined if nothing is known of the view.
 */
function used(view, use, below = used) {
  const record = recordOf(view);
  if (record === undefined || record.ended === null || isTaking) return undefined;
  isTaking = true;
  let place;
  try {
    place = ofApplication(Trace.take(below));
  } finally {
    isTaking = false;
  }
  const kind = record.kind === 'arena' ? 'use-after-reset' : 'use-after-free';
  const name = typeof use === 'function' ? use(place) : use;
  return explained(report(kind, { record, use: name, used: place }));
}

/** Returns the trace; undefined if only ralloc and Node are on the stack, as after an await. */
const ofApplication = (trace) => (trace.settle().isOfApplication ? trace : undefined);

/** Reports a Buffer that is freed again after it was freed or sent. */
function freedAgain(buffer) {
  const record = recordOf(buffer);
  if (record === undefined) return undefined;
  return explained(report('double-free', { record, used: ofApplication(Trace.take(freedAgain)) }));
}

/**
 * The cause to show below an error: only the report, because the error has the stack of the use.
 */
function explained(misuse) {
  if (misuse === undefined) return undefined;
  const cause = new Error(misuse.message);
  cause.name = 'RallocMisuse';
  cause.code = misuse.code;
  cause.stack = `${cause.name} [${cause.code}]: ${cause.message}`;
  return cause;
}

module.exports = { freedAgain, used };
