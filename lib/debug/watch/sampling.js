'use strict';

// Decides which allocations are watched: all in `full`; in `sample` one of `sampleEvery` at random, as GWP-ASan chooses them
// (https://arxiv.org/abs/2311.09394). A thread that allocates more than can be watched gets at most MOST in a PERIOD, so what `sample` costs is bounded.

const time = require('../../base/time.js');
const { settings } = require('../settings.js');

const { random } = Math;

/** Each costs a busy server 50 to 300 µs: three percent of a core at most. */
const MOST = 20;
const PERIOD_MS = 200;

/** Allocations until the next that is watched. */
const countdown = { left: Number.POSITIVE_INFINITY };

let begin = Number.NEGATIVE_INFINITY; // of the period
let count = 0; // within it
let timer = null;

/** Whether each allocation is, in `sample` too. */
const watchesAll = () => settings.level === 'full' || settings.sampleEvery === 1;

/** Of even distribution, so that no rhythm of the program hides one. */
function draw() {
  if (settings.level === 'off') countdown.left = Number.POSITIVE_INFINITY;
  else countdown.left = watchesAll() ? 0 : Math.floor(random() * (2 * settings.sampleEvery - 1));
}

/** What changes holds from now on, and not from the next Buffer that the settings before have chosen. */
function restart() {
  time.clearTimeout(timer);
  timer = null;
  count = 0;
  draw();
}

/** Nothing is watched until the period is over. */
function pause() {
  countdown.left = Number.POSITIVE_INFINITY;
  time.outside(() => {
    timer ??= time.setTimeout(restart, PERIOD_MS);
    timer.unref?.();
  });
}

/** One is watched now: chooses the next. Who asks for each of them, gets them. */
function next() {
  draw();
  if (watchesAll()) return;
  const now = time.now();
  if (now - begin >= PERIOD_MS) {
    begin = now;
    count = 0;
  }
  if (++count >= MOST) pause();
}

/** Whether what is taken now is watched. */
function isNext() {
  if (countdown.left-- > 0) return false;
  next();
  return true;
}

module.exports = { isNext, restart, watchesAll };
