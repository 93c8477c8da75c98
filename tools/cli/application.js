'use strict';

// Starts the application, passes signals on to it, and ends with its exit code or signal. Says why it left no note, and what to do.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const time = require('../../lib/base/time.js');
const { nodeOptions } = require('../recorder/options.js');
const { tell } = require('./print.js');
const { started } = require('./windows-program.js');

const IS_WINDOWS = process.platform === 'win32';
const ROOT = path.join(__dirname, '..', '..');
const PERMISSION = /^--(experimental-)?permission$/;
const NODE = /^(node|nodejs)(\.exe)?$/i;

/** A terminal sends these to each process of the group itself. */
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
  'SIGVTALRM',
  'SIGXCPU',
];

/** Signals that a Windows console sends to all of its processes. They cannot be passed on there: kill() ends a process at once, whatever the signal. */
const OF_CONSOLES = ['SIGINT', 'SIGBREAK', 'SIGHUP'];

/** How long to wait after SIGTERM before SIGKILL. The recorder listens for SIGTERM, so an application that hangs does not end by it, and the launcher would wait for ever. */
const TERMINATION_MS = 15_000; // a server that closes its connections may need ten

// --require, not --import: with --import, Node loads the main program as an ES module, and programs that hook require() for
// another extension (node -r ts-node/register app.ts) fail with ERR_UNKNOWN_FILE_EXTENSION.
/** Adds `preload` to NODE_OPTIONS, which reaches forks without execArgv, and `asArgument` also as an argument of `node`, which reaches threads and forks with their own environment. */
function withPreload([program, ...args], env, { preload, asArgument = true }) {
  if (preload === undefined) return { program, args, env };
  const isNode = asArgument && NODE.test(path.basename(program));
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

/** Passes signals on to the child, and sends SIGKILL if SIGTERM has not ended it in time. Returns functions that end the child in this way, and that stop passing signals on. */
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
  const known = (signal) => signal in os.constants.signals;
  const heard = (IS_WINDOWS ? OF_CONSOLES : PASSED_ON).filter(known);
  for (const signal of heard) process.on(signal, pass);
  const leaveOff = () => {
    time.clearTimeout(deadline);
    for (const signal of heard) process.off(signal, pass);
  };
  return { stop: () => send('SIGTERM'), leaveOff };
}

/** Calls act(folder) with a folder in which the processes of a run leave notes. The folder is removed afterwards. */
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

/** The text about processes that were killed and so left no note. */
const lostText = (lost) => {
  const killed = IS_WINDOWS ? 'taskkill /F' : 'SIGKILL';
  return `${lost === 1 ? '1 process' : `${lost} processes`} ended without a word, as by ${killed}`;
};

/** The words of a command and of NODE_OPTIONS. */
const wordsOf = (command) => [...command, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];

const isRestricted = (words) => words.some((word) => PERMISSION.test(word));

/** The folders that must be readable: ralloc's, and the package beside it that contains an installed binary. */
function foldersOf(root) {
  const beside = path.join(path.dirname(root), '@ralloc');
  return fs.existsSync(beside) ? [root, beside] : [root];
}

/** The flags with which --permission allows ralloc to read its files. */
const readFlags = (reads) =>
  [...foldersOf(ROOT), ...reads].map((file) => `--allow-fs-read=${file}`);

/** Whether `command` is under --permission, and may not read ralloc's files. */
function isKeptOut(command) {
  const words = wordsOf(command);
  const isAllowed = (folder) =>
    folder === '*' || ROOT === folder || ROOT.startsWith(path.join(folder, '/'));
  const reads = words.flatMap((word) => /^--allow-fs-read=(.*)$/.exec(word)?.[1].split(',') ?? []);
  return isRestricted(words) && !reads.some(isAllowed);
}

/** Why a command of `verb` left no note. `reads`, `writes`: files that it needs besides those of ralloc. */
function whyNothing(command, verb, { reads = [], writes }) {
  if (!isRestricted(wordsOf(command)))
    return `the command started no Node process, or one without NODE_OPTIONS. Write it as "ralloc ${verb} -- node app.js"`;
  const written = writes.map((file) => `--allow-fs-write=${file}`);
  return `--permission keeps ralloc from it. Add ${[...readFlags(reads), ...written, '--allow-addons'].join(' ')}`;
}

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
 * Starts the application for `verb`; `preload`, if given, is loaded first in each Node (`asArgument`: see withPreload()). Returns `{ pid, ended, stop() }`. `ended` resolves with `{ code, end() }`: if a signal ended the application, end() ends
 * this process by the same signal, so that a shell or supervisor sees it; `code` is the exit code if that is not possible. stop() ends the process `pid` by SIGTERM.
 */
function startApplication(command, env, { verb, stdout = 'inherit', ...preloaded }) {
  const { program, args, env: ours } = withPreload(command, env, preloaded);
  const child = spawned(program, args, ours, stdout);
  const { stop, leaveOff } = passSignals(child);
  return { pid: child.pid, ended: endOf(child, verb, program, leaveOff), stop };
}

/** Runs the application to its end. */
const runApplication = (command, env, how) => startApplication(command, env, how).ended;

module.exports = {
  ...{ foldersOf, isKeptOut, lostText, readFlags, whyNothing },
  ...{ runApplication, startApplication, withNotes },
};
