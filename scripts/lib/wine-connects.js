'use strict';

// Loaded into each Node that Wine runs: Wine refuses a connection that is told to be kept alive before it is one, as fetch() tells it.

const { Socket } = require('node:net');

const { setKeepAlive } = Socket.prototype;

Socket.prototype.setKeepAlive = function setKeepAliveLater(...args) {
  return this.connecting ? this : setKeepAlive.apply(this, args);
};
