'use strict';

// Tells of children that did not end by themselves, such as workers of node:cluster that were
// killed, if they have a recorder.

const channels = require('node:diagnostics_channel');
const fs = require('node:fs');
const { attempt } = require('../base/attempt.js');
const time = require('../base/time.js');
const { childIn } = require('./previous.js');

const CHANNEL = 'child_process'; // which tells of each new child
const EARLY_MS = 1000; // clocks are set

/** Tells of those whose recordings are in `folder`. Returns a function that ends that. */
function watchChildren(folder) {
  const onExit = (pid, since, code, signal) => {
    if (!(pid > 0) || code === 0) return;
    const found = attempt(() => childIn(folder, { pid, since, signal: signal ?? undefined }));
    if (found === undefined) return;
    attempt(() => fs.writeSync(2, `${JSON.stringify({ ralloc: 'childExit', ...found })}\n`));
  };
  const onChild = ({ process: child }) => {
    const since = time.wall() - EARLY_MS;
    attempt(() => child.once('exit', (...end) => onExit(child.pid, since, ...end)));
  };
  channels.subscribe(CHANNEL, onChild);
  return () => channels.unsubscribe(CHANNEL, onChild);
}

module.exports = { watchChildren };
