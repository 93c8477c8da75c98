'use strict';

// Has threads and children record too, into the same file.

const path = require('node:path');
const process = require('node:process');
const { setEnvironmentData } = require('node:worker_threads');
const { patchChildren } = require('./patches/children.js');
const { patchWorkers } = require('./patches/workers.js');
const { DATA, VARIABLES, variablesOf } = require('./options.js');

/** A bundle has no such file. */
const PRELOAD = typeof __dirname === 'string' ? path.join(__dirname, 'preload.js') : '';
const OURS = /^--require "(?:[^"\\]|\\.)*preload\.js" ?/;

/** NODE_OPTIONS that load the recorder, or another `preload`, before others' options. */
const nodeOptions = (others, preload = PRELOAD) =>
  `--require "${preload.replaceAll(/["\\]/g, '\\$&')}"${others ? ` ${others}` : ''}`;

const HIDDEN = variablesOf({ hidden: true });

/** Makes the environment what the parent's application gave. */
function hide() {
  for (const name of Object.keys(VARIABLES)) delete process.env[name];
  const others = process.env.NODE_OPTIONS?.replace(OURS, '');
  if (others) process.env.NODE_OPTIONS = others;
  else delete process.env.NODE_OPTIONS;
}

/** Tells threads and children; those of `ralloc profile` also where they get an environment of their own. */
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
