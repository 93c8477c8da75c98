'use strict';

// Collects what is not given back: now, for leakReport(), and at the end of the process.

const process = require('node:process');
const { inspect } = require('node:util');
const { formatBytes } = require('../../base/bytes.js');
const { kLast } = require('../../base/protocol.js');
const time = require('../../base/time.js');
const { isOfSites } = require('../../site/memory.js');
const { isOn, settings } = require('../settings.js');
const { report } = require('../report.js');
const { count, time: timeOf } = require('../report-kinds.js');
const { settleQueue } = require('../watch/delay-queue.js');
const { living } = require('../watch/own-memory.js');
const { verifyBytes } = require('../watch/watch.js');
const { groupsOf } = require('./groups.js');
const { openHolds } = require('./holds.js');
const { stillOpen } = require('./opened.js');
const { ofLongRequests } = require('./stuck.js');

const SETTLE_MS = 200;

/** Watched Buffers of slabs and regions that are not freed. */
const unfreed = () =>
  living()
    .filter(({ core }) => core !== undefined && !isOfSites(core))
    .map(({ record }) => record);

const reported = new WeakSet(); // records that noLeaks() has reported

const forget = (record) => reported.add(record);

/** `3 Buffers (12 KiB) of the slab 'frames'` */
const buffers = (group) =>
  `${count(group.count, 'Buffer')} (${formatBytes(group.bytes)}) of ${group.of}`;
const hold = (group) => `${count(group.count, 'hold')} of ${group.of}`;
const thing = (group) => (group.count === 1 ? group.of : `${group.of}, ${group.count} times`);

/** Its heading, the first line of a group, and the heading of that one's stack. */
const PARTS = {
  groups: ['Buffers of slabs and regions that are not freed', buffers, 'allocated at'],
  holds: ['Holds that are not released', hold, 'taken at'],
  open: ['Arenas, slabs and regions that are not closed', thing, 'made at'],
  requests: [
    'Buffers of requests that have had their arena for longer than "warnAfterMs"',
    buffers,
    'allocated at',
  ],
};

function textOf(group, says, place) {
  const { age, allocated, request } = group;
  const forWhom = request === undefined ? '' : `, for ${request}`;
  const oldest = group.count === 1 ? 'for' : 'the oldest for';
  return `  ${says(group)}${forWhom}, ${oldest} ${timeOf(age)}, ${place}\n${allocated}`;
}

const sum = (groups, name) => groups.reduce((total, group) => total + group[name], 0);

class LeakReport {
  #chance;

  constructor({ level, sampleEvery }, parts) {
    const { groups } = parts;
    this.count = sum(groups, 'count');
    this.bytes = sum(groups, 'bytes');
    Object.assign(this, parts);
    this.#chance =
      level === 'full'
        ? ''
        : `\nOf all allocations one in ${sampleEvery} is watched: there may be more`;
  }

  toString() {
    const parts = Object.entries(PARTS)
      .filter(([name]) => this[name].length > 0)
      .map(([name, [title, says, place]]) =>
        [`${title}:`, ...this[name].map((group) => textOf(group, says, place))].join('\n'),
      );
    return `${parts.length === 0 ? 'Nothing is left' : parts.join('\n')}${this.#chance}`;
  }

  [inspect.custom]() {
    return `LeakReport\n${this}`;
  }
}

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
