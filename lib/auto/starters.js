'use strict';

const path = require('node:path');
const process = require('node:process');

/** Programs that start applications. Their own allocations do not matter; NODE_OPTIONS reaches the programs that they start. */
const STARTERS = /^(npm|npx|pnpm|pnpx|yarn|yarnpkg|corepack)(-cli)?(\.[cm]?js)?$/;

const isStarter = () => STARTERS.test(path.basename(process.argv[1] ?? ''));

module.exports = { isStarter };
