'use strict';

// Decides which allocations are watched: all in `full`; in `sample` one of `sampleEvery` at random,
// as GWP-ASan chooses them (https://arxiv.org/abs/2311.09394). A thread that allocates more than
// can be watched gets at most MOST in a PERIOD, so what `sample` costs is bounded.

const time = require('../../base/time.js');
const { settings } = require('../settings.js');

const { random } = Math;

/** A watched Buffer costs a busy server 50 to 300 µs, so this is at most 3 % of a core. */
const MOST = 20;
const PERIOD_MS = 200;

/** Allocations until the next that is watched. */
const countdown = { left: Number.POSITIVE_INFINITY };

let begin = Number.NEGATIVE_INFINITY; // when the period began
let count = 0; // watched Buffers in the period
let timer = null;

/** Whether every allocation is watched. */
const watchesAll = () => settings.level === 'full' || settings.sampleEvery === 1;

/** Draws a number from an even distribution, so that periodic allocations are watched too. */
function draw() {
  if (settings.level === 'off') countdown.left = Number.POSITIVE_INFINITY;
  else countdown.left = watchesAll() ? 0 : Math.floor(random() * (2 * settings.sampleEvery - 1));
}

/**
 * Makes changed settings apply at once, and not only after the Buffer that the old ones have
 * chosen.
 */
function restart() {
  time.clearTimeout(timer);
  timer = null;
  count = 0;
  draw();
}

/** Watches nothing until the period is over. */
function pause() {
  countdown.left = Number.POSITIVE_INFINITY;
  time.outside(() => {
    timer ??= time.unref(time.setTimeout(restart, PERIOD_MS));
  });
}

/**
 * Called when one is watched: chooses the next. If every one should be watched, there is no limit.
 */
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

/** Whether the current allocation is watched. */
function isNext() {
  if (countdown.left-- > 0) return false;
  next();
  return true;
}

module.exports = { isNext, restart, watchesAll };
