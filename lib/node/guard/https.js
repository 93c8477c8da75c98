'use strict';

// Certificates and keys of https. Node makes a secure context of them at once, but an agent keeps
// the options too: it makes its name for a connection of them again whenever that is free or
// closed, and connections for requests that wait. So it gets copies.
//
// The class of https extends that of http, whose constructor sets the options: so https, which
// takes a megabyte, need not be loaded for this.

const http = require('node:http');
const { kAddRequest } = require('../../base/internals.js');
const { copied } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const { isView } = ArrayBuffer;

/**
 * Copies an option: bytes, a list of them, or a list of `{ pem, passphrase }` or `{ buf, passphrase
 * }`.
 */
function copyOf(value) {
  if (isView(value)) return copied(value, 'http');
  if (!Array.isArray(value)) return value;
  const copy = value.map((part) =>
    isView(part) ? copied(part, 'http') : withCopies(part, ['pem', 'buf']),
  );
  return copy.some((part, i) => part !== value[i]) ? copy : value;
}

/** Returns `options`; if one of `names` has memory that dies, a clone with copies of it. */
function withCopies(options, names) {
  if (typeof options !== 'object' || options === null) return options;
  let copies = options;
  for (const name of names) {
    const value = options[name];
    if (typeof value !== 'object' || value === null) continue;
    const copy = copyOf(value);
    if (copy === value) continue;
    if (copies === options) copies = { __proto__: Object.getPrototypeOf(options), ...options };
    copies[name] = copy;
  }
  return copies;
}

const SECRETS = ['ca', 'cert', 'key', 'pfx', 'crl', 'dhparam', 'session', 'ALPNProtocols'];

const PLAIN = { configurable: true, enumerable: true, writable: true };

const makeAddRequest = (add) =>
  function (request, options, ...rest) {
    return add.call(this, request, withCopies(options, SECRETS), ...rest);
  };

/** A setter for the property that the constructor sets: defines the property with copies. */
const ownOptions = {
  configurable: true,
  get: () => undefined,
  set(options) {
    const value = withCopies(options, SECRETS);
    Object.defineProperty(this, 'options', { ...PLAIN, value });
  },
};

function guardAgents() {
  const { prototype } = http.Agent;
  wrap(prototype, kAddRequest, makeAddRequest);
  Object.defineProperty(prototype, 'options', ownOptions);
}

module.exports = { guardAgents };
