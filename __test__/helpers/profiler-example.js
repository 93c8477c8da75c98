'use strict';

// The program of docs/guide/profiling.md, which a signal starts and stops.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Profile } = require('../../tools/recorder/profile.js');

const listeners = {};
const on = (event, listener) => {
  listeners[event] = listener;
};

const profilerExample = {
  given: { process: Object.assign(Object.create(process), { on }) },
  check(t) {
    const file = path.join(os.tmpdir(), `app-${process.pid}.jsonl`);
    t.teardown(() => fs.rmSync(file, { force: true }));
    listeners.SIGUSR2();
    t.true(fs.existsSync(file));
    listeners.SIGUSR2();
    t.is(Profile.read(file).recorders.length, 1);
  },
};

module.exports = { profilerExample };
