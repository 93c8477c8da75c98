'use strict';

// How much a random or repeated test does. `npm test` takes the first figure; RALLOC_BUDGET=tenth, which .ci/run sets on the Nodes that run
// less, a tenth of it; RALLOC_BUDGET=soak (`npm run soak`) the second one.

const { env } = process;
const BUDGETS = ['tenth', 'soak'];

if (env.RALLOC_BUDGET !== undefined && !BUDGETS.includes(env.RALLOC_BUDGET))
  throw new Error(`RALLOC_BUDGET must be one of ${BUDGETS.join(', ')}, not ${env.RALLOC_BUDGET}`);
if (env.RALLOC_SEED !== undefined && !/^\d{1,10}$/.test(env.RALLOC_SEED))
  throw new Error(`RALLOC_SEED must be an integer of at most ten digits, not ${env.RALLOC_SEED}`);

const isSoak = env.RALLOC_BUDGET === 'soak';
const isTenth = env.RALLOC_BUDGET === 'tenth';

/**
 * How many steps, rounds or requests: `usual` of them, `soak` in the long run. `least`: fewer do not come to each of the choices whose shares a test
 * asserts.
 */
function budget(usual, soak, least = 1) {
  if (isSoak) return soak;
  return isTenth ? Math.max(least, Math.ceil(usual / 10)) : usual;
}

/** The seed that a failure named, to repeat its choices; else `usual`. */
const seedOr = (usual) => (env.RALLOC_SEED === undefined ? usual : Number(env.RALLOC_SEED));

module.exports = { budget, isSoak, isTenth, seedOr };
