'use strict';

// Colour, where the terminal has it and nobody asked for none (no-color.org).

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Whether a stream shows colour. */
function hasColour(stream, env = process.env) {
  if (env.NO_COLOR || env.TERM === 'dumb') return false;
  return stream.isTTY === true;
}

/** `paint(text, name)`; the text as it is without `enabled`. */
function painter(enabled) {
  return (text, name) =>
    enabled && name && text !== '' ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text;
}

module.exports = { hasColour, painter };
