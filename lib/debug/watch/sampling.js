'use strict';

// Which allocations are watched: all in `full`, one of `sampleEvery` at random in `sample`, as GWP-ASan chooses them (https://arxiv.org/abs/2311.09394).

const { settings } = require('../settings.js');

const { random } = Math;

/** Allocations until the next that is watched. */
const countdown = { left: 0 };

/** Of even distribution, so that no rhythm of the program hides one. */
function next() {
  countdown.left =
    settings.level === 'full' ? 0 : Math.floor(random() * (2 * settings.sampleEvery - 1));
}

/** Whether what is taken now is watched. */
function isNext() {
  if (countdown.left-- > 0) return false;
  next();
  return true;
}

module.exports = { countdown, isNext, next };
