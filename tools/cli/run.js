'use strict';

// `ralloc run -- npm start`: runs an application with ralloc/auto in each of its threads and children.

const { startApplication } = require('./application.js');

const HOW = { verb: 'run', preload: require.resolve('../../lib/auto/preload.js') };

const summary = 'run an application with ralloc/auto: nothing of it is changed';
const usage = `Usage: ralloc run -- COMMAND [arguments]

Runs an application with ralloc/auto. No line of it has to be changed. COMMAND is node with a program, or anything that starts one,
such as npm: ralloc run -- npm start. Threads, clusters and child processes have it too. RALLOC_AUTO=no-files, and so on, turns parts of it off.

Signals are passed on, and SIGKILL follows if SIGTERM has not ended the application within 15 s. The exit code is that of the
application.`;

async function run(_, command) {
  const { code, end } = await startApplication(command, process.env, HOW).ended;
  end();
  return code;
}

module.exports = { summary, usage, startsApplication: true, run };
