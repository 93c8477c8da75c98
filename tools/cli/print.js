'use strict';

// What verbs end with, and print to standard output and standard error: control characters as text.

const events = require('node:events');

const [OK, FAILED, MISUSED] = [0, 1, 2];

/** Wrong arguments: the exit code is MISUSED. */
class UsageError extends Error {}

function once(make) {
  let made;
  return () => (made ??= make());
}

// Node makes its streams when they are first read, and then may make what others have of a pipe or
// a terminal non-blocking: `ralloc run` becomes an application that has them too.

// If the reader has seen enough and closes the pipe (`ralloc report --json … | head`), that is no
// failure.
const standardOutput = once(() =>
  process.stdout.on('error', ({ code, message }) => {
    if (code === 'EPIPE') process.exit(OK);
    tell(`ralloc: standard output cannot be written, and what it has is not whole: ${message}`);
    process.exit(FAILED);
  }),
);
// If standard error is closed, continue: the work is done, and the exit code may be that of an
// application.
const standardError = once(() => process.stderr.on('error', () => {}));

/**
 * Control characters, which a terminal would execute: names in profiles and tables may come from
 * others. In the place of each is what JSON has for it, too.
 */
const CONTROLS = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

const visible = (text) =>
  text.replace(CONTROLS, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Cuts or pads a text to exactly `width` letters. */
function cut(text, width) {
  const letters = [...text];
  return letters.length > width
    ? `${letters.slice(0, width - 1).join('')}…`
    : text + ' '.repeat(width - letters.length);
}

const count = (number, noun, nouns = `${noun}s`) => `${number} ${number === 1 ? noun : nouns}`;

/** Prints a result to standard output. */
const print = (text) => standardOutput().write(`${visible(text)}\n`);

/** Writes a result of many pieces, bytes or text, as fast as its reader takes it. */
async function write(pieces) {
  const stdout = standardOutput();
  for (const piece of pieces) if (!stdout.write(piece)) await events.once(stdout, 'drain');
}

/** Prints everything else to standard error. */
const tell = (text) => standardError().write(`${visible(text)}\n`);

module.exports = {
  ...{ FAILED, MISUSED, OK, UsageError },
  ...{ count, cut, print, standardError, standardOutput, tell, visible, write },
};
