'use strict';

const path = require('node:path');

/** Runs a program's main function: what it throws becomes one line on stderr, and exit code 1. */
async function program(main) {
  try {
    await main();
  } catch (error) {
    console.error(`${path.basename(process.argv[1], '.js')}: ${error.message}`);
    process.exitCode = 1;
  }
}

module.exports = { program };
