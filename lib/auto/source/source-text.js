'use strict';

// The text of a source, as `ralloc bake` and all that read its table have to have it: a place in the one is the same place in the other.

const { createHash } = require('node:crypto');

const BOM = '\uFEFF';

/**
 * `{ sha256, bom, text }` of the bytes of a file: what a table knows it by, its byte order mark or '', and the text behind that, from where V8 counts columns. `isExact`:
 * throws a TypeError (ERR_ENCODING_INVALID_ENCODED_DATA) for what is no UTF-8, which cannot be written as it was.
 */
function sourceText(bytes, { isExact = false } = {}) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const whole = new TextDecoder('utf-8', { fatal: isExact, ignoreBOM: true }).decode(bytes);
  const bom = whole.startsWith(BOM) ? BOM : '';
  return { sha256, bom, text: whole.slice(bom.length) };
}

module.exports = { sourceText };
