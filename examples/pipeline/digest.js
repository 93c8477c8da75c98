'use strict';

const { createHash } = require('node:crypto');

/** The frame's SHA-256, in hexadecimal digits. */
module.exports = function digest(frame) {
  return createHash('sha256').update(frame).digest('hex');
};
