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

class Children {
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  start() {
    channels.subscribe(CHANNEL, this.#onChild);
  }

  stop() {
    channels.unsubscribe(CHANNEL, this.#onChild);
  }

  #onChild = ({ process: child }) => {
    const since = time.wall() - EARLY_MS;
    attempt(() =>
      child.once('exit', (code, signal) => this.#onExit(child.pid, since, code, signal)),
    );
  };

  #onExit(pid, since, code, signal) {
    if (!(pid > 0) || code === 0) return;
    const found = attempt(() => childIn(this.#folder, { pid, since, signal: signal ?? undefined }));
    if (found === undefined) return;
    attempt(() => fs.writeSync(2, `${JSON.stringify({ ralloc: 'childExit', ...found })}\n`));
  }
}

module.exports = { Children };
