'use strict';

// `ralloc run -- npm start`: runs an application with ralloc/auto in each of its threads and children.

const path = require('node:path');
const { NAMES, checkNames } = require('../../lib/auto/parts.js');
const { runApplication } = require('./application.js');
const { UsageError } = require('./exit.js');
const { isKeptOut, readFlags } = require('./nothing.js');
const { tell } = require('./print.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');

const usage = `Usage: ralloc run [options] -- COMMAND [arguments]

Runs an application with ralloc/auto. No line of it has to be changed. COMMAND is node with a program, or anything that starts one,
such as npm: ralloc run -- npm start. Threads, clusters and child processes have it too.

  -a, --auto NAMES   its parts, as in RALLOC_AUTO: ${NAMES.join(',')}

Signals are passed on, and SIGKILL follows if SIGTERM has not ended the application within 15 s. The exit code is that of the
application.
Without the command: node --require ralloc/auto app.js`;

const OPTIONS = { auto: { type: 'string', short: 'a' } };

/** The variable RALLOC_AUTO: as it is, or set to `names`. */
function variables(names) {
  if (names === undefined) return {};
  try {
    checkNames(names.split(','), '--auto');
  } catch ({ message }) {
    throw new UsageError(message);
  }
  return { RALLOC_AUTO: names };
}

async function run(values, command) {
  const env = { ...process.env, ...variables(values.auto) };
  // Node 20 fails to start if it may not read the preloaded file.
  const isOff = isKeptOut(command, process.env.NODE_OPTIONS);
  if (isOff) {
    const flags = [...readFlags([]), '--allow-addons'].join(' ');
    tell(
      `ralloc: run: the application runs as it is: --permission keeps ralloc from it. Add ${flags}`,
    );
  }
  const preload = isOff ? undefined : PRELOAD;
  const { code, end } = await runApplication(command, env, { verb: 'run', preload });
  end();
  return code;
}

module.exports = {
  summary: 'run an application with ralloc/auto: nothing of it is changed',
  usage,
  options: OPTIONS,
  startsApplication: true,
  run,
};
