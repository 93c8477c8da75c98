'use strict';

// The text of a source, as `ralloc bake` and all that read its table have to have it: a place in
// the one is the same place in the other.

const { createHash } = require('node:crypto');

const BOM = '\uFEFF';

/**
 * Decodes the bytes of a file: `{ sha256, bom, text }`. `sha256`: its hash, as in tables; `bom`:
 * its byte order mark or ''; `text`: the rest, in which V8 counts columns. `isExact`:
 * throws a TypeError (ERR_ENCODING_INVALID_ENCODED_DATA) if the file is not UTF-8, because it could
 * not be written back unchanged.
 */
function sourceText(bytes, { isExact = false } = {}) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const whole = new TextDecoder('utf-8', { fatal: isExact, ignoreBOM: true }).decode(bytes);
  const bom = whole.startsWith(BOM) ? BOM : '';
  return { sha256, bom, text: whole.slice(bom.length) };
}

module.exports = { sourceText };
