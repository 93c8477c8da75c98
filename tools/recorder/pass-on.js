'use strict';

// Has threads and children record too, into the same file.

const path = require('node:path');
const process = require('node:process');
const { setEnvironmentData } = require('node:worker_threads');
const { patchChildren } = require('./patches/children.js');
const { patchWorkers } = require('./patches/workers.js');
const { DATA, VARIABLES, variablesOf } = require('./options.js');

/** Empty in a bundle, which does not contain the file. */
const PRELOAD = typeof __dirname === 'string' ? path.join(__dirname, 'preload.js') : '';
const OURS = /^--require "(?:[^"\\]|\\.)*preload\.js" ?/;

/** The value of NODE_OPTIONS that loads the recorder, or another `preload`, before the `others`. */
const nodeOptions = (others, preload = PRELOAD) =>
  `--require "${preload.replaceAll(/["\\]/g, '\\$&')}"${others ? ` ${others}` : ''}`;

const HIDDEN = variablesOf({ hidden: true });

/** Restores the environment that the parent's application gave to this process. */
function hide() {
  for (const name of Object.keys(VARIABLES)) delete process.env[name];
  const others = process.env.NODE_OPTIONS?.replace(OURS, '');
  if (others) process.env.NODE_OPTIONS = others;
  else delete process.env.NODE_OPTIONS;
}

/** Passes the options on to threads and children. Children with an environment of their own get them only under `ralloc profile`. */
function passOn(options, patches) {
  const ours = { ...options, append: true };
  setEnvironmentData(DATA, ours);
  if (options.hidden) hide();
  else Object.assign(process.env, variablesOf(ours));
  patchWorkers(patches, (others) => ({ ...HIDDEN, NODE_OPTIONS: nodeOptions(others) }));
  if (options.notes === undefined) return;
  const variables = variablesOf({ ...ours, hidden: true });
  patchChildren(patches, (others) => ({ ...variables, NODE_OPTIONS: nodeOptions(others) }));
}

module.exports = { PRELOAD, nodeOptions, passOn };
