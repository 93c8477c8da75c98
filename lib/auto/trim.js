'use strict';

// Calls memory/malloc-trim.js in a server without a mount. A mount calls it itself. The binary is
// loaded once the server rests, and so not in the midst of a load.

const channels = require('node:diagnostics_channel');
const process = require('node:process');
const time = require('../base/time.js');
const { isOff } = require('../base/environment.js');
const { isMainThread } = require('../base/runtime.js');

const LOOK_MS = 1000;
const MOST_MS = 50; // most CPU time between two looks of a process at rest

const REQUEST = 'http.server.request.start';

let timer = null; // set from a request until the process is at rest
let seen = 0; // CPU time in ms at the last look
let requests = 0; // while nobody counts them, one for each look
let isCounting = false;
let rest; // memory/malloc-trim.js, once it is loaded

function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function look() {
  const used = cpu() - seen;
  seen += used;
  if (used > MOST_MS) return pause();
  if (!isCounting) count();
  time.clearInterval(timer);
  timer = null;
  rest ??= require('../memory/malloc-trim.js');
  rest.watch(() => requests);
}

/**
 * Counts no requests while the process is busy: publishing them takes half a percent of a small
 * one. Until it rests they need not be told apart.
 */
function pause() {
  requests++;
  if (isCounting) channels.unsubscribe(REQUEST, onRequest);
  isCounting = false;
}

function count() {
  channels.subscribe(REQUEST, onRequest);
  isCounting = true;
}

function onRequest() {
  requests++;
  if (timer !== null) return;
  timer = undefined; // so that this turn sets no second timer
  time.outside(() => {
    seen = cpu();
    timer = time.setInterval(look, LOOK_MS);
    timer.unref?.();
  });
}

/** Begins, or returns why not. Only the main thread trims, for the whole process. */
function begin() {
  if (!isMainThread) return 'a worker';
  if (isOff('RALLOC_TRIM')) return 'RALLOC_TRIM is off';
  count();
  return true;
}

/** `{ count, bytes, collections }` */
const trims = () => rest?.stats() ?? { count: 0, bytes: 0, collections: 0 };

module.exports = { begin, trims };
