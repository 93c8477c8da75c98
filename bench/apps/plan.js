// How long an application is measured, in seconds and requests: see method/servers.js.

const { duration } = require('../method/servers.js');
const { APPLICATIONS } = require('./applications.js');

// What V8 compiles last, it compiles after some 10,600 requests on Node 24, and 16,700 on Node 26.
const PLAN = {
  ...{ blocks: 5, warm: 20_000, empty: 0, passes: 2, slice: 0.3, gap: 0.015 },
  ...{ fixedPasses: 2, fixedSlice: 0.2 },
  polls: true,
};
const QUICK = { blocks: 1, warm: 100, passes: 1, slice: 0.1, fixedPasses: 1, fixedSlice: 0.1 };

function planOf(name, { quick = false, blocks }) {
  const { plan, service } = APPLICATIONS[name];
  return {
    ...PLAN,
    ...(service !== undefined && { polls: false }), // it has the client's processor, too
    ...plan,
    ...(quick && { ...QUICK, warm: Math.min(QUICK.warm, plan?.warm ?? QUICK.warm) }),
    ...(blocks !== undefined && { blocks }),
  };
}

/** About how many seconds so many variants of applications take. */
const secondsOf = (names, variants, options) =>
  names.reduce((sum, name) => sum + duration(planOf(name, options), variants), 0);

module.exports = { planOf, secondsOf };
