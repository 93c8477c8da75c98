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
    ...(quick && {
      ...QUICK,
      ...{ warm: Math.min(QUICK.warm, plan?.warm ?? QUICK.warm), rest: plan?.rest && 0.1 },
    }),
    ...(blocks !== undefined && { blocks }),
  };
}

/**
 * About what a warm-up takes longer than that of small requests: a slice of an application with a
 * plan of its own has some 200 of them.
 */
const warmUpOf = ({ warm, slice }) => (slice === PLAN.slice ? 0 : (warm * slice) / 200);

/** About how many seconds so many variants of applications take. */
function secondsOf(names, variants, options) {
  const plans = names.map((name) => planOf(name, options));
  const all = plans.map(
    (plan) => duration(plan, variants) + plan.blocks * variants * warmUpOf(plan),
  );
  return all.reduce((sum, seconds) => sum + seconds, 0);
}

module.exports = { planOf, secondsOf };
