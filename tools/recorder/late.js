'use strict';

// Leaves work that needs a module of Node until the application loads that module: loading
// node:crypto, node:worker_threads and fs.promises only for the recorder takes 270 to 640 KB of
// V8's heap, which each major collection looks through.
//
// Node publishes the end of each require(). It publishes the start of import() and of a main
// program that is an ES module, but not which modules these import: so then all is done.

const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { syncBuiltinESMExports } = require('node:module');
const process = require('node:process');
const { attempt } = require('../../lib/base/attempt.js');
const { mayHaveLoaded } = require('../../lib/base/runtime.js');

const REQUIRED = 'tracing:module.require:end';
const IMPORTED = 'tracing:module.import:start';

let waiting = []; // { name, act, drop, canMiss }
let seen = 0; // how many modules Node had loaded at the last look
let isTold = false; // whether this Node publishes these: not Node 20

function doThose(isDue) {
  const due = waiting.filter(isDue);
  if (due.length === 0) return;
  waiting = waiting.filter((one) => !due.includes(one));
  for (const { act } of due) attempt(act);
  attempt(syncBuiltinESMExports);
  if (waiting.length === 0) forget();
}

/** Does what waits for modules that are loaded now. */
function look() {
  const count = process.moduleLoadList?.length;
  if (count === seen) return;
  seen = count;
  doThose(({ name }) => mayHaveLoaded(name));
}

const onRequired = () => {
  isTold = true;
  look();
};
const onImported = () => doThose(({ name, canMiss }) => !canMiss || mayHaveLoaded(name));

/**
 * Calls `act()` when Node has loaded its internal module `name`, or may be about to; now if Node
 * would not tell. `canMiss`: the recorder's next look() is early enough. Calls `drop()` if it is
 * forgotten before.
 */
function whenLoaded(name, act, { drop, canMiss = false } = {}) {
  if (waiting.length === 0) {
    subscribe(REQUIRED, onRequired);
    subscribe(IMPORTED, onImported);
    if (!isTold) require('node:module');
  }
  waiting.push({ name, act, drop, canMiss });
  seen = 0;
  if (isTold) look();
  else onImported();
}

/** Drops what still waits. */
function forget() {
  for (const { drop } of waiting) attempt(() => drop?.());
  waiting = [];
  unsubscribe(REQUIRED, onRequired);
  unsubscribe(IMPORTED, onImported);
}

module.exports = { forget, look, whenLoaded };
