'use strict';

// `ralloc run -- npm start`: runs an application with ralloc/auto in each of its threads and children.

const fs = require('node:fs');
const { attempt } = require('../../lib/base/attempt.js');
const { TABLE, optionsHere, variablesOf } = require('../../lib/auto/options.js');
const { commandOf, startApplication } = require('./application.js');
const { become, canBecome } = require('./become.js');

const HOW = { verb: 'run', preload: require.resolve('../../lib/auto/preload.js') };

const summary = 'run an application with ralloc/auto: nothing of it is changed';
const usage = `Usage: ralloc run -- COMMAND [arguments]

Runs an application with ralloc/auto. No line of it has to be changed. COMMAND
is node with a program, or anything that starts one: ralloc run -- npm start.
Threads, clusters and child processes have it too. RALLOC_AUTO=no-files, and so
on, turns parts of it off.

On Linux and macOS ralloc becomes the application: it takes no memory beside
it, and the process, its signals, descriptors and exit code are the
application's. On Windows, and without ralloc's binary, it starts the
application and waits: it passes signals on, and SIGKILL follows if SIGTERM
has not ended the application within 15 s.

Exit codes: the application's; 127 if there is no such program, 126 if it
cannot be started, 2 wrongly called.`;

/** Says that a table which nobody has named changes code. Returns the variable by which the application's processes do not say it again. */
function tellTable() {
  const { file, isNamed, told } = optionsHere();
  if (isNamed || told === file || !fs.existsSync(file)) return {};
  const line = `ralloc: ${TABLE} in this folder changes lines of the application as they load. Remove it if it is left over; RALLOC_AUTO_TABLE=${TABLE} uses it without this line\n`;
  attempt(() => fs.writeSync(2, line)); // not process.stderr: see become()
  return variablesOf({ told: file });
}

async function run(_, command) {
  const env = { ...process.env, ...tellTable() };
  if (canBecome()) become(commandOf(command, env, HOW), HOW.verb);
  const { code, end } = await startApplication(command, env, HOW).ended;
  end();
  return code;
}

module.exports = { summary, usage, startsApplication: true, run };
