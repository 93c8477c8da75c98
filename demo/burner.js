'use strict';

// A planted slowness, for the self-test of the method: a middleware that wastes CPU time on each request.

const CALIBRATION = 4e6; // steps, some milliseconds

let state = 1;

function burn(steps) {
  for (let n = 0; n < steps; n++) state = (Math.imul(state, 0x9e3779b1) + n) | 0;
  return state;
}

/** Steps in a microsecond of CPU: the most of several tries, for others can only slow it. */
function speed() {
  burn(CALIBRATION);
  let best = 0;
  for (let n = 0; n < 5; n++) {
    const before = process.cpuUsage();
    burn(CALIBRATION);
    const { user, system } = process.cpuUsage(before);
    best = Math.max(best, CALIBRATION / (user + system));
  }
  return best;
}

module.exports = function burner(middleware, microseconds) {
  const steps = Math.round(microseconds * speed());
  return (req, res, next) => {
    burn(steps);
    middleware(req, res, next);
  };
};
