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
const { observe } = require('./methods.js');

let patches = null;

function start() {
  install(true, true); // the guard sees the Buffers that Node's functions get
  prepare(); // now, and not at the first Buffer that dies, when the stack may overflow
  observing.observer = observer;
  observing.isTesting = true;
  patches = new Patches();
  observe(patches);
  watchFunctions(patches);
}

/** Stops watching new Buffers. Those that are watched stay watched until they end. */
function stop() {
  patches?.restore();
  patches = null;
}

function setLevel(level) {
  restart();
  if (level === 'off') stop();
  else if (patches === null) start();
}

/** Reports memory that was wrongly written to; returns how many cases there are. */
function verifyBytes() {
  const found = verifyLive() + verifyQueue();
  tellWaiting();
  return found;
}

/** Like verifyBytes(), and also reports Buffers that are wrongly kept. */
function verify() {
  const kept = verifyKept();
  return kept + verifyBytes();
}

module.exports = { setLevel, verify, verifyBytes };
