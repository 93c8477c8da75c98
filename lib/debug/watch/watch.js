'use strict';

// Watched Buffers, on and off with the level.

const { observing } = require('../../base/observer.js');
const { install } = require('../../node/guard/install.js');
const { Patches } = require('../../base/patches.js');
const { prepare } = require('../../memory/foreign.js');
const { observer } = require('../observer.js');
const { tellWaiting } = require('../report.js');
const { verifyQueue } = require('./delay-queue.js');
const { watchFunctions } = require('./functions.js');
const { verifyKept } = require('./kept.js');
const { verifyLive } = require('./own-memory.js');
const { restart } = require('./sampling.js');
const { observed } = require('./methods.js');

let patches = null;

function start() {
  install(); // what Node's functions are given is seen by the guard
  prepare(); // not where a stack ends, at the first Buffer that dies
  observing.observer = observer;
  patches = new Patches();
  for (const one of observed) one.observe();
  watchFunctions(patches);
}

/** What is watched stays so until it ends. */
function stop() {
  for (const one of observed) one.leave();
  patches?.restore();
  patches = null;
}

function setLevel(level) {
  restart();
  if (level === 'off') stop();
  else if (patches === null) start();
}

/** Reports all memory that was written to and should not have been; returns how much. */
function verifyBytes() {
  const found = verifyLive() + verifyQueue();
  tellWaiting();
  return found;
}

/** And of what nobody should have kept. */
function verify() {
  const kept = verifyKept();
  return kept + verifyBytes();
}

module.exports = { setLevel, verify, verifyBytes };
