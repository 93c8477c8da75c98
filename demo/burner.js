'use strict';

// A planted slowness, for the self-test of the method: a listener that wastes CPU time on each request. It reads the
// process's clock of CPU: what an idle process does in so many microseconds takes longer under load.

const STEPS = 50; // between two looks at the clock
const LOOKS = 1.5; // microseconds that the looks take beside what they see

let state = 1;

function burn(steps) {
  for (let n = 0; n < steps; n++) state = (Math.imul(state, 0x9e3779b1) + n) | 0;
  return state;
}

/** Microseconds of CPU so far. Of the whole process: a thread's own clock is behind by up to 4 ms on Linux. */
function clock() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

module.exports = function burner(microseconds) {
  return () => {
    const end = clock() + microseconds - LOOKS;
    do burn(STEPS);
    while (clock() < end);
  };
};
