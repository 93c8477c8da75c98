'use strict';

// Begins the parts of ralloc/auto in this thread, and a trial, if it has a table. What a trial
// takes, 6 MB, is loaded for one alone.

const fs = require('node:fs');
const path = require('node:path');
const process = require('node:process');
const { isDisabled } = require('../base/environment.js');
const { kTrial } = require('../base/protocol.js');
const { isMainThread } = require('../base/runtime.js');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const { isStarter, passOn } = require('./package-managers.js');
const { inheritedHere, optionsHere } = require('./options.js');
const { NO_TABLE, startParts } = require('./parts.js');

const ROOT = path.join(__dirname, '..', '..');
const OWN = ['bin/ralloc.js', 'tools/cli/try-parts.js'].map((name) => path.join(ROOT, name));

/** Whether this is ralloc's own program, such as `doctor`, which shows what Node has. */
const isOwn = () =>
  /^(ralloc|try-parts)(\.js)?$/.test(path.basename(process.argv[1] ?? '')) && // asks no file of others
  OWN.includes(attempt(() => fs.realpathSync(process.argv[1]), ''));

const trial = lazy(() => require('../../tools/placement/trial/begin.js'));

const isFile = (name) => attempt(() => fs.statSync(name).isFile(), false);

/**
 * Whether to read a table: if it is named or `ralloc compare` gave it, even if it does not exist;
 * otherwise only if it is a file, and no pipe that would be waited for.
 */
const hasTable = ({ file, isNamed, notes, parts }) =>
  notes !== undefined || (!isDisabled() && !parts.includes(NO_TABLE) && (isNamed || isFile(file)));

function start() {
  if (globalThis[kTrial] !== undefined) return;
  if (isMainThread && isStarter()) return passOn();
  if (isMainThread && isOwn()) return;
  const options = optionsHere();
  if (isMainThread && process.env.RALLOC_FLIGHT_RECORDER)
    require('../flight/environment.js').beginHere();
  if (options.notes === undefined) startParts(options.parts); // `ralloc compare --table` measures only the changed lines
  if (isMainThread) {
    if (hasTable(options)) trial().beginTrial(options);
    return;
  }
  const inherited = inheritedHere();
  if (inherited !== undefined) attempt(() => trial().beginInWorker(inherited));
}

module.exports = { start };
