'use strict';

// Certificates and keys of https. Node makes a secure context of them at once, but an agent keeps the options too: it makes its name for a
// connection of them again whenever that is free or closed, and connections for requests that wait. So it gets copies.

const http = require('node:http');
const https = require('node:https');
const { copied } = require('./operation.js');
const { wrap } = require('./wrap.js');

const { isView } = ArrayBuffer;

/** Of an option: bytes, a list of them, or a list of `{ pem, passphrase }` or `{ buf, passphrase }`. */
function copyOf(value) {
  if (isView(value)) return copied(value, 'http');
  if (!Array.isArray(value)) return value;
  let copy = value;
  value.forEach((part, i) => {
    const own = isView(part) ? copied(part, 'http') : withCopies(part, ['pem', 'buf']);
    if (own === part) return;
    if (copy === value) copy = value.slice();
    copy[i] = own;
  });
  return copy;
}

/** `options`, or where one of `names` has memory that dies, others like them. */
function withCopies(options, names) {
  if (typeof options !== 'object' || options === null) return options;
  let copies = options;
  for (const name of names) {
    const value = options[name];
    if (typeof value !== 'object' || value === null) continue;
    const copy = copyOf(value);
    if (copy === value) continue;
    if (copies === options) copies = { ...options };
    copies[name] = copy;
  }
  return copies;
}

const SECRETS = ['ca', 'cert', 'key', 'pfx', 'crl', 'dhparam', 'session', 'ALPNProtocols'];

const makeAddRequest = (addRequest) =>
  function (request, options, ...rest) {
    return addRequest.call(this, request, withCopies(options, SECRETS), ...rest);
  };

const withOwn = ([options, ...rest]) => [withCopies(options, SECRETS), ...rest];

/** A class, which others extend, and which is called as a function too. */
const makeAgent = (Agent) =>
  new Proxy(Agent, {
    construct: (target, args, newTarget) => Reflect.construct(target, withOwn(args), newTarget),
    apply: (target, self, args) => Reflect.apply(target, self, withOwn(args)),
  });

function guardAgents() {
  wrap(http.Agent.prototype, 'addRequest', makeAddRequest);
  wrap(https, 'Agent', makeAgent);
}

module.exports = { guardAgents };
