'use strict';

// Starts the application, stands between it and the signals, and ends as it does.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const time = require('../../lib/base/time.js');
const { nodeOptions } = require('../recorder/pass-on.js');
const { tell } = require('./print.js');
const { started } = require('./windows-program.js');

const IS_WINDOWS = process.platform === 'win32';
const NODE = /^(node|nodejs)(\.exe)?$/i;

/** A terminal gives these to each process of the group itself. */
const OF_TERMINALS = ['SIGINT', 'SIGQUIT', 'SIGHUP'];
const PASSED_ON = [
  ...OF_TERMINALS,
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGWINCH',
  'SIGALRM',
  'SIGIO',
  'SIGPROF',
  'SIGVTALRM',
  'SIGXCPU',
];

/** What a console of Windows tells all of its processes. Nothing can be passed on there: kill() ends a process at once, whatever the signal. */
const OF_CONSOLES = ['SIGINT', 'SIGBREAK', 'SIGHUP'];

/** An application that hangs does not end by SIGTERM, since the recorder listens for it, and nobody may be there to see that the launcher waits. */
const TERMINATION_MS = 15_000; // a server that closes its connections may need ten

/** V8's profiler takes its samples of this very process by it. */
const isProfiled = () =>
  /--(cpu-)?prof\b/.test([...process.execArgv, process.env.NODE_OPTIONS].join(' '));

// --require, not --import: with one Node loads the main program as a module of ES, and programs that hook require() for
// another extension (node -r ts-node/register app.ts) end with ERR_UNKNOWN_FILE_EXTENSION.
/** Both ways: what stands behind `node` reaches forks with an environment of their own, the variable those without execArgv. */
function withPreload([program, ...args], env, preload) {
  if (preload === undefined) return { program, args, env };
  const isNode = NODE.test(path.basename(program));
  return {
    program,
    args: isNode ? ['--require', preload, ...args] : args,
    env: { ...env, NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS, preload) },
  };
}

function startError(verb, program, { code, message }) {
  const why =
    code === 'ENOENT'
      ? `there is no such program. Write it as in the shell: ralloc ${verb} -- node ${program}`
      : message;
  return Object.assign(new Error(`Cannot start "${program}": ${why}`), { code });
}

/** Gives the child what this process is told and outlives, and SIGKILL if SIGTERM has not ended it in time; returns how to end it so, and how to leave that off. */
function passSignals(child) {
  let deadline;
  const kill = () => {
    tell(
      `ralloc: SIGTERM has not ended the application within ${TERMINATION_MS / 1000} s: it gets SIGKILL`,
    );
    child.kill('SIGKILL');
  };
  const send = (signal) => {
    const isThere = child.kill(signal);
    if (isThere && signal === 'SIGTERM') deadline ??= time.setTimeout(kill, TERMINATION_MS);
  };
  const pass = (signal) => {
    if (!IS_WINDOWS && !(process.stdin.isTTY && OF_TERMINALS.includes(signal))) send(signal);
  };
  const heard = (IS_WINDOWS ? OF_CONSOLES : PASSED_ON).filter((signal) => {
    if (signal === 'SIGPROF' && isProfiled()) return false;
    try {
      process.on(signal, pass);
      return true;
    } catch {
      return false; // not a signal of this system
    }
  });
  const leaveOff = () => {
    time.clearTimeout(deadline);
    for (const signal of heard) process.off(signal, pass);
  };
  return { stop: () => send('SIGTERM'), leaveOff };
}

/** Calls act(folder) with a folder in which the processes of a run leave notes, and which is gone when it is over. */
async function withNotes(verb, act) {
  const notes = fs.mkdtempSync(path.join(os.tmpdir(), `ralloc-${verb}-`));
  try {
    return await act(notes);
  } finally {
    fs.rmSync(notes, { recursive: true, force: true });
  }
}

function spawned(program, args, env, stdout) {
  const how = IS_WINDOWS ? started(program, args, env) : { program, args, options: {} };
  const stdio = ['inherit', stdout, 'inherit'];
  return spawn(how.program, how.args, { ...how.options, env, stdio });
}

/** Of processes that were killed, and could not tell anything at their end. */
const lostText = (lost) => {
  const killed = IS_WINDOWS ? 'taskkill /F' : 'SIGKILL';
  return `${lost === 1 ? '1 process' : `${lost} processes`} ended without a word, as by ${killed}`;
};

async function endOf(child, verb, program, leaveOff) {
  try {
    const [code, signal] = await once(child, 'exit');
    return {
      code: signal === null ? code : 128 + os.constants.signals[signal],
      end: () => {
        if (signal !== null) process.kill(process.pid, signal);
      },
    };
  } catch (error) {
    throw startError(verb, program, error);
  } finally {
    leaveOff();
  }
}

/**
 * Starts it, with `preload`, if there is one, loaded first of all in each Node, for `verb`: `{ pid, ended, stop() }`. `ended` resolves with `{ code, end() }`: end() ends this process by the signal that
 * ended the application, if one did, so that a shell or supervisor sees the same; `code` is for where that cannot be. stop() ends the process `pid` by SIGTERM.
 */
function startApplication(command, env, { verb, preload, stdout = 'inherit' }) {
  const { program, args, env: ours } = withPreload(command, env, preload);
  const child = spawned(program, args, ours, stdout);
  const { stop, leaveOff } = passSignals(child);
  return { pid: child.pid, ended: endOf(child, verb, program, leaveOff), stop };
}

/** Runs it to its end. */
const runApplication = (command, env, how) => startApplication(command, env, how).ended;

module.exports = { lostText, runApplication, startApplication, withNotes };
