'use strict';

// Uses of dead Buffers, told with what is known of them.

const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { recordOf } = require('./record.js');

const OF_ARENAS = 'use-after-reset';
const OF_OTHERS = 'use-after-free';

let isTaking = false; // a stack, which may be made by code that uses Buffers

/**
 * `view` was used, and is dead; `use`: by what, for people, or a function that tells it of the trace. Returns an Error that explains it, to be the cause of whatever is thrown; undefined where
 * nothing is known of the view.
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
  const kind = record.kind === 'arena' ? OF_ARENAS : OF_OTHERS;
  const name = typeof use === 'function' ? use(place) : use;
  return explained(report(kind, { record, use: name, used: place }));
}

/** Undefined where only ralloc and Node are on the stack: in what they do after an await. */
const ofApplication = (trace) => (trace.settle().isOfApplication ? trace : undefined);

/** It was freed or sent before, and is freed again. */
function freedAgain(buffer) {
  const record = recordOf(buffer);
  if (record === undefined) return undefined;
  return explained(report('double-free', { record, used: ofApplication(Trace.take(freedAgain)) }));
}

/** What an error shows below itself: the report alone, since the error has the stack of the use. */
function explained(misuse) {
  if (misuse === undefined) return undefined;
  const cause = new Error(misuse.message);
  cause.name = 'RallocMisuse';
  cause.code = misuse.code;
  cause.stack = `${cause.name} [${cause.code}]: ${cause.message}`;
  return cause;
}

module.exports = { freedAgain, used };
