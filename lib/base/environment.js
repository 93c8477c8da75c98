'use strict';

// What the process was started with.

const process = require('node:process');

/** A variable of the environment. Deno lets nobody read it without --allow-env: it is undefined there. */
function variable(name) {
  try {
    return process.env[name];
  } catch {
    return undefined;
  }
}

module.exports = { variable };
