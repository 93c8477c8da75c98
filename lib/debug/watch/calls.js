'use strict';

// The call that was given a dead Buffer, for people: `fs.write()`, `res.end() of the response to GET /path`.

const { messageName } = require('../../base/name.js');

/** By the kind of its operation, where nobody's call is on the stack. */
const OPERATIONS = {
  fs: 'a function of fs',
  stream: 'a stream',
  http: 'a message or an agent of http',
  web: 'a web stream',
  dgram: 'a datagram',
  crypto: 'a function of crypto',
};

/** As programs call what has another name in a stack. */
const CALLED = { ServerResponse: 'res', Http2ServerResponse: 'res', ClientRequest: 'req' };

/** Types of what has functions and is no object of a program's. */
const MODULES = new Set([undefined, 'Object', 'Function']);

function nameOf(kind, callee) {
  const [method, type] = callee.split('.').reverse();
  return `${MODULES.has(type) ? kind : (CALLED[type] ?? type)}.${method}()`;
}

/** `kind`: of the operation; `consumer`: the object whose method was called, if that is known. Returns what tells it of a trace. */
const callOf = (kind, consumer) => (trace) => {
  const callee = trace?.callee;
  const isNamed = callee !== undefined && !/construct$|[ (<]/.test(callee); // not by a Proxy, nor nobody's
  const call = isNamed ? nameOf(kind, callee) : OPERATIONS[kind];
  const isMessage = kind === 'http' && consumer !== undefined;
  return isMessage ? `${call} of ${messageName(consumer)}` : call;
};

module.exports = { callOf };
