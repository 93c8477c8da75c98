'use strict';

// Uses of dead Buffers, told with what is known of them, and the call that was given one, for
// people: `fs.write()`, `res.end() of the response to GET /path`.

const { messageName } = require('../../base/name.js');
const { report } = require('../report.js');
const { Trace } = require('../trace.js');
const { recordOf } = require('./record.js');

/** Descriptions by kind of operation, for when no call of the program is on the stack. */
const OPERATIONS = {
  fs: 'a function of fs',
  stream: 'a stream',
  http: 'a message or an agent of http',
  web: 'a web stream',
  dgram: 'a datagram',
  crypto: 'a function of crypto',
};

/** The names that programs use for classes in a stack. */
const CALLED = { ServerResponse: 'res', Http2ServerResponse: 'res', ClientRequest: 'req' };

/** Types of modules and namespaces, whose functions are not methods of a program's object. */
const MODULES = new Set([undefined, 'Object', 'Function']);

function nameOf(kind, callee) {
  const [method, type] = callee.split('.').reverse();
  return `${MODULES.has(type) ? kind : (CALLED[type] ?? type)}.${method}()`;
}

/**
 * `kind`: of the operation; `consumer`: the object whose method was called, if it is known. Returns
 * a function that describes the call from a trace.
 */
const callOf = (kind, consumer) => (trace) => {
  const callee = trace?.callee;
  const isNamed = callee !== undefined && !/construct$|[ (<]/.test(callee); // not by a Proxy, nor nobody's
  const call = isNamed ? nameOf(kind, callee) : OPERATIONS[kind];
  const isMessage = kind === 'http' && consumer !== undefined;
  return isMessage ? `${call} of ${messageName(consumer)}` : call;
};

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

module.exports = { callOf, freedAgain, used };
