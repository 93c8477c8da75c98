'use strict';

// `ralloc run -- npm start`: runs an application with ralloc/auto in each of its threads and
// children.

const path = require('node:path');
const { commandOf, startApplication } = require('./application.js');
const { limitVariables } = require('../../lib/limit/setting.js');
const { become, canBecome } = require('./become.js');
const { UsageError } = require('./print.js');

const HOW = { verb: 'run', preload: require.resolve('../../lib/auto/preload.js') };

const summary = 'run an application with ralloc/auto, unchanged';
const usage = `Usage: ralloc run [options] -- COMMAND [arguments]

Runs an application with ralloc/auto. No line of it changes. COMMAND is node
with a program, or anything that starts one: ralloc run -- npm start. Threads,
clusters and child processes have it too. RALLOC_AUTO=no-files, and so on,
turns parts of it off.

  --memory-limit SIZE
                      refuses requests before memory ends: 'container', a size
                      such as 512Mi, or a share of the container such as 75%.
                      Also sets V8's heap, unless you have set it
  --flight-recorder [DIR]
                      records who has the memory, in a file that survives
                      SIGKILL and that "ralloc why" reads. The file is in DIR,
                      or in the temporary folder

On Linux and macOS ralloc becomes the application: process id, signals,
descriptors and exit code are the application's. On Windows, on Bun and without
ralloc's binary, it starts the application, passes signals on, and sends SIGKILL
15 s after SIGTERM.

Exit codes: the application's; 127 if there is no such program, 126 if it
cannot be started, 2 wrongly called.`;

/** The environment of the application. */
function environmentOf({ 'flight-recorder': folder, 'memory-limit': limit }, command) {
  const env = { ...process.env };
  if (folder !== undefined)
    env.RALLOC_FLIGHT_RECORDER = folder === '' ? 'on' : path.resolve(folder);
  if (limit === undefined) return env;
  try {
    return Object.assign(env, limitVariables(limit, process.env, command));
  } catch ({ message }) {
    throw new UsageError(`--memory-limit is '${limit}': ${message}`);
  }
}

async function run(values, command) {
  const env = environmentOf(values, command);
  if (canBecome()) become(commandOf(command, env, HOW), HOW.verb);
  const { code, end } = await startApplication(command, env, HOW).ended;
  end();
  return code;
}

module.exports = { summary, usage, startsApplication: true, run };
