'use strict';

// Validates the options that an Arena and requestArena() have in common, safety, wipe, guard and
// holdMs, and sets their defaults. The other options of an Arena are in owner.js.

const check = require('../base/validate.js');

const DEFAULT_HOLD_MS = 30_000;

/** A reader for each option, which checks its value. */
const commonReaders = {
  safety: (value, name) => check.oneOf(value, name, ['detach', 'gc', 'recycle']),
  wipe: check.boolean,
  guard: check.boolean,
  holdMs: (value, name) => check.milliseconds(value, name, 1),
};
const commonDefaults = {
  safety: 'detach',
  wipe: false,
  guard: false,
  align: 8,
  holdMs: DEFAULT_HOLD_MS,
  budget: null,
};

module.exports = { commonDefaults, commonReaders };
