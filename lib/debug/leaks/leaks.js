'use strict';

// Collects what is not given back: now, for leakReport(), and at the end of the process.

const process = require('node:process');
const { kLast } = require('../../base/protocol.js');
const time = require('../../base/time.js');
const { isOfSites } = require('../../site/memory.js');
const { isOn, settings } = require('../settings.js');
const { report } = require('../report.js');
const { settleQueue } = require('../watch/delay-queue.js');
const { living } = require('../watch/own-memory.js');
const { verifyBytes } = require('../watch/watch.js');
const { groupsOf } = require('./groups.js');
const { openHolds } = require('./holds.js');
const { stillOpen } = require('./opened.js');
const { ofLongRequests } = require('./stuck.js');
const { LeakReport } = require('./leak-report.js');

const SETTLE_MS = 200;

/** Watched Buffers of slabs and regions that are not freed. */
const unfreed = () =>
  living()
    .filter(({ core }) => core !== undefined && !isOfSites(core))
    .map(({ record }) => record);

const reported = new WeakSet(); // records that noLeaks() has reported

const forget = (record) => reported.add(record);

const shown = (all) => groupsOf(all).map(({ since: _since, ...group }) => group);

function leakReport() {
  return new LeakReport(settings, {
    groups: shown(unfreed()),
    holds: shown(openHolds()),
    open: shown(stillOpen()),
    requests: shown(ofLongRequests()),
  });
}

let hasDied = false; // whether there was an uncaught exception, which the application may have handled

function tellAtExit(code) {
  if (isOn()) verifyBytes();
  if (settings.level !== 'full' || (hasDied && code !== 0)) return;
  const news = unfreed().filter((record) => !reported.has(record));
  for (const { kind: _kind, ...group } of groupsOf(news)) report('leak', group);
}

tellAtExit[kLast] = true;

/** Runs after the application's own listeners, which may free Buffers. */
function goLast(event, listener) {
  if (event !== 'exit' || listener[kLast] === true) return;
  queueMicrotask(() => {
    process.removeListener('exit', tellAtExit);
    process.on('exit', tellAtExit);
  });
}

function noteDeath() {
  hasDied = true;
}

/**
 * Drops V8's stacks of living Buffers, whose `this` would keep an arena or slab reachable that the
 * program has dropped.
 */
function settleStacks() {
  for (const { record } of living()) record.allocated.settle();
  settleQueue();
}

let isListening = false;
let timer = null;

function start() {
  timer ??= time.unref(time.setInterval(settleStacks, SETTLE_MS));
  if (isListening) return;
  isListening = true;
  process.on('exit', tellAtExit);
  process.on('newListener', goLast);
  process.on('uncaughtExceptionMonitor', noteDeath);
}

/** Stops looking for new ones; known ones are followed until they end. */
function stop() {
  time.clearInterval(timer);
  timer = null;
}

const setLevel = (level) => (level === 'off' ? stop() : start());

module.exports = { forget, leakReport, setLevel, stillOpen, unfreed };
