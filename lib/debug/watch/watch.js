'use strict';

// Watched Buffers, on and off with the level.

const { tracker } = require('../../base/tracker.js');
const { install } = require('../../guard/install.js');
const { Patches } = require('../../guard/patches.js');
const { prepare } = require('../../memory/release.js');
const opened = require('../leaks/opened.js');
const { tellWaiting } = require('../report.js');
const { readFor } = require('../trace.js');
const { callOf } = require('./calls.js');
const { verifyQueue } = require('./delay-queue.js');
const freed = require('./freed.js');
const { watchFunctions } = require('./functions.js');
const { verifyKept } = require('./kept.js');
const { verifyLive } = require('./own-memory.js');
const { restart } = require('./sampling.js');
const { freedAgain, used } = require('./uses.js');
const { watchWays } = require('./ways.js');
const { unheld } = require('./witness.js');

let patches = null;

function start() {
  install(); // what Node's functions are given is seen by the guard
  prepare(); // not where a stack ends, at the first Buffer that dies
  patches = new Patches();
  watchWays(patches);
  watchFunctions(patches);
  tracker.used = (view, kind, consumer) => used(view, callOf(kind, consumer));
  tracker.unheld = unheld;
  tracker.readFor = readFor;
  tracker.freedAgain = freedAgain;
  tracker.freed = freed.freed;
  tracker.closed = (core) => {
    freed.closed(core);
    opened.closed(core);
  };
  tracker.isOver = freed.isOver;
}

/** What is watched stays so until it ends. */
function stop() {
  patches?.restore();
  patches = null;
}

function setLevel(level) {
  restart();
  if (level === 'off') stop();
  else if (patches === null) start();
}

/** Tells of all that nobody should have written to; how much of it was. */
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
