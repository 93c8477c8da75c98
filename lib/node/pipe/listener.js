'use strict';

// Tells whether a listener of 'data' is the one that Node's pipe() adds.

const { Readable, Writable } = require('node:stream');
const { isOfNode } = require('../own-methods.js');

const textOf = (listener) => Function.prototype.toString.call(listener);

let nodesText; // the source text, because each pipe has its own listener

function textOfNodes() {
  if (!isOfNode(Readable.prototype.pipe)) return '';
  const source = new Readable({ read() {} });
  source.pipe(new Writable());
  return textOf(source._events.data);
}

function isOfPipe(listener) {
  if (typeof listener !== 'function') return false;
  nodesText ??= textOfNodes();
  return textOf(listener) === nodesText;
}

module.exports = { isOfPipe };
