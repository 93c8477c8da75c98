'use strict';

// How often the kernel has killed a process of a control group for its memory.

const fs = require('node:fs');
const { attempt } = require('../base/attempt.js');
const { numberIn } = require('../budget/gauges.js');

/** Undefined if `file`, memory.events or memory.oom_control, does not tell. */
function killsIn(file) {
  const kills = attempt(() => numberIn(fs.readFileSync(file, 'utf8'), 'oom_kill'));
  return kills >= 0 ? kills : undefined;
}

module.exports = { killsIn };
