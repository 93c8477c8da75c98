'use strict';

// The lines of a file that was changed since its table was baked, as by the requestArena() that
// somebody has mounted: where they are now. They are found, and looked at, as `ralloc apply` does
// it.

const { whyIn } = require('../source/look.js');
const { locateSites } = require('../source/sites.js');
const { Text } = require('../source/text.js');

/**
 * Returns `{ edits, isApplied, isLess }`: `edits` (edits.js) with their current offsets, whether
 * `ralloc apply` has changed others, and whether some may no longer be changed; undefined if one is
 * lost, or none is left.
 */
function follow(file, bytes, edits, sha256) {
  const text = new Text(file, bytes);
  const { found, applied, lost } = locateSites(edits, text, sha256);
  if (lost.length > 0) return undefined;
  const why = whyIn(require('../dist/acorn.js'), text);
  const fit = found.filter((edit) => why(edit) === true).sort((a, b) => a.offset - b.offset);
  if (fit.length === 0 && found.length > 0) return undefined;
  return { edits: fit, isApplied: applied.length > 0, isLess: fit.length < found.length };
}

module.exports = { follow };
