'use strict';

// Who has the next slice. A pass gives every contender two, in mirrored order (A B C C B A): the
// two are equally far from the middle of the pass for all, so what drifts steadily cancels. The
// first of a pass rotates, so that nobody always follows the same other.

/**
 * The order of the slices of `passes` passes over `count` contenders: indices from 0. `first`: that
 * of the first pass.
 */
function order(count, passes, first = 0) {
  return Array.from({ length: passes }, (_, pass) => {
    const forth = Array.from({ length: count }, (__, n) => (n + pass + first) % count);
    return [...forth, ...forth.toReversed()];
  }).flat();
}

/** A contender's slices, in the order in which it had them, as one value a pass. */
function perPass(slices, combine) {
  return Array.from({ length: slices.length / 2 }, (_, pass) =>
    combine(slices.slice(2 * pass, 2 * pass + 2)),
  );
}

/**
 * Lets contenders take turns: `take(index)` is awaited for each slice. `first`: see order().
 * @returns each contender's slices, in order
 */
async function takeTurns(count, passes, take, first = 0) {
  const slices = Array.from({ length: count }, () => []);
  for (const index of order(count, passes, first)) slices[index].push(await take(index));
  return slices;
}

module.exports = { order, perPass, takeTurns };
