'use strict';

// The lines of a file that was changed since its table was baked, as by the requestArena() that somebody has mounted: where they are now. They are found, and looked at, as
// `ralloc apply` does it.

const { whyIn } = require('./source/look.js');
const { locateSites } = require('./source/sites.js');
const { Text } = require('./source/text.js');

/** `{ edits, isApplied }`: `edits` (edits.js) with the offsets of now, and whether `ralloc apply` has changed others; undefined where one is lost, or may not be changed any more. */
function follow(file, bytes, edits, sha256) {
  const text = new Text(file, bytes);
  const { found, applied, lost } = locateSites(edits, text, sha256);
  if (lost.length > 0) return undefined;
  const why = whyIn(require('./dist/acorn.js'), text);
  if (found.some((edit) => why(edit) !== true)) return undefined;
  return { edits: found.sort((a, b) => a.offset - b.offset), isApplied: applied.length > 0 };
}

module.exports = { follow };
