'use strict';

// What ralloc/auto reports about Node's pool at the end of the process.

const { formatBytes } = require('../base/bytes.js');
const { counted, whole } = require('./format.js');

/** The text of the part, by stats().pool. */
function tell({ size, from, since, asked, alive, perBuffer }) {
  const lived =
    asked === 0
      ? 'no block was asked'
      : `${whole(alive)} of ${counted(asked, 'block')} lived through two major collections`;
  if (since === 0) return `${formatBytes(from)}; ${lived}`;
  const now = size === 0 ? 'and then set by the application' : `to ${formatBytes(size)}`;
  return `lowered from ${formatBytes(from)} ${now}; ${lived}, some ${formatBytes(perBuffer)} for each small Buffer that is kept: npx ralloc profile says by which lines`;
}

module.exports = { tell };
