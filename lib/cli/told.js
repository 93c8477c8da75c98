'use strict';

// What several verbs tell.

const { formatBytes } = require('../base/bytes.js');
const { tell } = require('./print.js');

/** `1 site`, `2 sites`. */
const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Bytes of a profile that no whole block has. */
function tellSkipped(file, bytes) {
  if (bytes === 0) return;
  tell(
    `ralloc: ${file}: ${formatBytes(bytes)} skipped that ${bytes === 1 ? 'is' : 'are'} of no whole block. A killed process leaves one at the end; elsewhere the file is damaged`,
  );
}

module.exports = { count, tellSkipped };
