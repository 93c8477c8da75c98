'use strict';

// Detects which package manager installed this copy of ralloc, by what it leaves behind, so that
// messages suggest its commands.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');

const NPM = 'npm install --include=optional --save-optional';
const PNPM = 'pnpm add --save-optional';
const YARN = 'yarn add --optional';
const BUN = 'bun add --optional';

/** Files that package managers leave in the outermost node_modules, or beside it. */
const LEFT = {
  '.pnpm': PNPM,
  '.yarn-integrity': YARN,
  '.yarn-state.yml': YARN,
  [path.join('..', 'bun.lock')]: BUN,
};

/**
 * The command, without the package's name, that adds an optional package to the application in
 * which `file` is installed.
 */
function adding(file) {
  if (process.versions.pnp !== undefined) return YARN;
  const modules = /^.*?[\\/]node_modules(?=[\\/])/.exec(file)?.[0]; // the outermost that `file` is in
  if (modules === undefined) return NPM;
  const left = Object.keys(LEFT).find((name) => fs.existsSync(path.join(modules, name)));
  return left === undefined ? NPM : LEFT[left];
}

module.exports = { adding };
