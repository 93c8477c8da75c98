'use strict';

// The call that was given a dead Buffer, for people: `fs.write()`, `res.end() of the response to
// GET /path`.

const { messageName } = require('../../base/name.js');

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

module.exports = { callOf };
