'use strict';

const { once } = require('node:events');
const { FAILED, OK } = require('./exit.js');

// A reader that has seen enough (`ralloc export … | head`) closes the pipe: that is no failure.
for (const [stream, name] of [
  [process.stdout, 'output'],
  [process.stderr, 'error'],
]) {
  stream.on('error', ({ code, message }) => {
    if (code === 'EPIPE') process.exit(OK);
    tell(`ralloc: standard ${name} cannot be written, and what it has is not whole: ${message}`);
    process.exit(FAILED);
  });
}

/** The result, to standard output, and a line end. */
function print(text) {
  process.stdout.write(`${text}\n`);
}

/** A result of many pieces, as bytes or text, as fast as its reader takes it. */
async function write(pieces) {
  for (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** What is not the result: to standard error. */
function tell(text) {
  process.stderr.write(`${text}\n`);
}

module.exports = { print, tell, write };
