'use strict';

// A reader that has seen enough (`ralloc export … | head`) closes the pipe: that is no failure.

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

/** The result, to standard output, and a line end. */
function print(text) {
  process.stdout.write(`${text}\n`);
}

/** What is not the result: to standard error. */
function tell(text) {
  process.stderr.write(`${text}\n`);
}

module.exports = { print, tell };
