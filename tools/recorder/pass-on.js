'use strict';

// Has threads and children record too, into the same file. Children whose environment is not this one, or a copy of it, are not recorded.

const path = require('node:path');
const process = require('node:process');
const { setEnvironmentData } = require('node:worker_threads');
const { DATA, variablesOf } = require('./options.js');

/** Empty in a bundle, which does not contain the file. */
const PRELOAD = typeof __dirname === 'string' ? path.join(__dirname, 'preload.js') : '';

/** The value of NODE_OPTIONS that loads the recorder, or another `preload`, before the `others`. */
const nodeOptions = (others, preload = PRELOAD) =>
  `--require "${preload.replaceAll(/["\\]/g, '\\$&')}"${others ? ` ${others}` : ''}`;

/** Passes the options on to threads and children. */
function passOn(options) {
  const ours = { ...options, append: true };
  setEnvironmentData(DATA, ours);
  Object.assign(process.env, variablesOf(ours));
}

module.exports = { PRELOAD, nodeOptions, passOn };
