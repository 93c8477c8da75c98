'use strict';

// Loaded into each Node that Wine runs: what Wine does otherwise than Windows.

const fs = require('node:fs');
const { Socket } = require('node:net');

const { setKeepAlive } = Socket.prototype;

/** It refuses a connection that is told to be kept alive before it is one, as fetch() tells it. */
Socket.prototype.setKeepAlive = function setKeepAliveLater(...args) {
  return this.connecting ? this : setKeepAlive.apply(this, args);
};

const { rmSync } = fs;

/** It keeps a file that was removed while it was open in its folder until that is closed: the folder stays then. */
fs.rmSync = (...args) => {
  try {
    rmSync(...args);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY') throw error;
  }
};
