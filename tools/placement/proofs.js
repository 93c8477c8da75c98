'use strict';

// Checks the sites that a table calls proved: all samples died with their request, and there were
// enough of them. A table that was changed by hand may say otherwise.

const { RallocError } = require('../../lib/base/errors.js');
const { PROOF_SAMPLES } = require('../../lib/site/decisions.js');

const isProved = ({ certainty }) => certainty === 'proved';

/**
 * Throws if a site is called proved that the rules would never have proved: the table was changed
 * by hand.
 */
function checkProofs({ sites }, tableFile) {
  const wrong = sites.findIndex(
    ({ strategy, certainty, samples, exceptions }) =>
      certainty === 'proved' &&
      (strategy !== 'request' || samples < PROOF_SAMPLES || exceptions > 0),
  );
  if (wrong === -1) return;
  const { samples, exceptions } = sites[wrong];
  throw new RallocError(
    'ERR_RALLOC_TABLE_INVALID',
    `The table ${tableFile}: sites[${wrong}] is no proof: ${samples} samples, ${exceptions} exceptions. Make it anew: ralloc bake`,
    { file: tableFile },
  );
}

module.exports = { checkProofs, isProved };
