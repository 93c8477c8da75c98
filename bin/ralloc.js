#!/usr/bin/env node
'use strict';

const { main } = require('../tools/cli/index.js');

main(process.argv.slice(2)).then((code) => {
  // No exit(): pipes are written later.
  process.exitCode = code;
});
