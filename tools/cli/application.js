'use strict';

// Starts an application, passes on to it what this process was given, and the signals that it gets,
// and ends with its exit code or signal. Says why it left no note, and what to do.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const tty = require('node:tty');
const { attempt } = require('../../lib/base/attempt.js');
const time = require('../../lib/base/time.js');
const { nodeOptions } = require('../recorder/options.js');
const given = require('./given.js');
const { FAILED, count, tell } = require('./print.js');
const { cannotStart, onWindows } = require('./program.js');

const IS_WINDOWS = process.platform === 'win32';
const ROOT = path.join(__dirname, '..', '..');
const PERMISSION = /^--(experimental-)?permission$/;
const NODE = /^(node|nodejs)(\.exe)?$/i;

/** A terminal sends these to each process of the group itself. */
const OF_TERMINALS = ['SIGINT', 'SIGQUIT', 'SIGHUP'];
const OTHERS = ['SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGALRM', 'SIGXCPU', 'SIGWINCH'];

/**
 * Signals that a Windows console sends to all of its processes. They cannot be passed on there:
 * kill() ends a process at once, whatever the signal.
 */
const OF_CONSOLES = ['SIGINT', 'SIGBREAK', 'SIGHUP'];

/**
 * How long to wait after SIGTERM before SIGKILL. The recorder listens for SIGTERM, so an
 * application that hangs does not end by it, and the launcher would wait for ever.
 */
const TERMINATION_MS = 15_000; // a server that closes its connections may need ten
const POLL_MS = 20;

/**
 * The processes of an application. Without a terminal they are a process group of their own, so
 * that signals reach all of them: a shell, npm or a build tool in between may not pass them on.
 * With one they stay in the terminal's group, which gets the signals of its keys.
 */
class Processes {
  #child;
  isGroup = !IS_WINDOWS && !tty.isatty(0); // process.stdin would make a pipe non-blocking that the application reads

  start(program, args, options) {
    this.#child = spawn(program, args, { ...options, detached: this.isGroup });
    return this.#child;
  }

  /** Returns false if there are none. */
  kill(signal) {
    if (!this.isGroup || this.#child.pid === undefined) return this.#child.kill(signal);
    return attempt(() => process.kill(-this.#child.pid, signal), false);
  }

  /** Whether others than the first one go on, which has ended. */
  haveOthers() {
    if (!this.isGroup || !this.kill(0)) return false;
    return process.pid !== 1 || isAlive(this.#child.pid);
  }
}

/**
 * Whether a process group has one that is no zombie. Nobody reaps those of process 1 of a
 * container.
 */
function isAlive(group) {
  const stats = fs.readdirSync('/proc').map((pid) => attempt(() => statOf(pid), []));
  return stats.some(([state, , of]) => state !== 'Z' && Number(of) === group);
}

/** The fields of a process behind its name: state, parent, process group, … */
const statOf = (pid) =>
  fs
    .readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');

/** Passes signals on to `processes`, and sends SIGKILL if SIGTERM has not ended them in time. */
class Signals {
  #processes;
  #heard = IS_WINDOWS ? OF_CONSOLES : [...OF_TERMINALS, ...OTHERS];
  #deadline;
  #isOver = false;

  constructor(processes) {
    this.#processes = processes;
    for (const signal of this.#heard) process.on(signal, this.#pass);
  }

  #pass = (signal) => {
    if (IS_WINDOWS || (!this.#processes.isGroup && OF_TERMINALS.includes(signal))) return;
    const areThere = this.#processes.kill(signal);
    if (areThere && signal === 'SIGTERM')
      this.#deadline ??= time.setTimeout(this.#kill, TERMINATION_MS);
  };

  #kill = () => {
    tell(
      `ralloc: SIGTERM has not ended the application within ${TERMINATION_MS / 1000} s: it gets SIGKILL`,
    );
    this.#processes.kill('SIGKILL');
    this.#isOver = true;
  };

  /**
   * After the end of the first process. If SIGTERM ended it, others may still be about to end:
   * resolves when they have, or got SIGKILL.
   */
  async end() {
    while (this.#deadline !== undefined && !this.#isOver && this.#processes.haveOthers())
      await sleep(POLL_MS);
    time.clearTimeout(this.#deadline);
    for (const signal of this.#heard) process.off(signal, this.#pass);
  }
}

/**
 * Calls act(folder) with a folder in which the processes of a run leave notes. The folder is
 * removed afterwards.
 */
async function withFolder(verb, act) {
  const notes = fs.mkdtempSync(path.join(os.tmpdir(), `ralloc-${verb}-`));
  try {
    return await act(notes);
  } finally {
    fs.rmSync(notes, { recursive: true, force: true });
  }
}

/**
 * Like withFolder(), and ends as the application did: `act` resolves with `{ code, end, isWhole }`.
 * If it succeeded and not all is whole, that is a failure.
 */
async function withNotes(verb, act) {
  const { code, end, isWhole } = await withFolder(verb, act);
  end();
  return code === 0 && !isWhole ? FAILED : code;
}

const lostText = (lost) =>
  `${count(lost, 'process', 'processes')} ended without a word, as by ${IS_WINDOWS ? 'taskkill /F' : 'SIGKILL'}`;

/**
 * The folders that must be readable: ralloc's, and the package beside it that contains an installed
 * binary.
 */
function foldersOf(root) {
  const beside = path.join(path.dirname(root), '@ralloc');
  return fs.existsSync(beside) ? [root, beside] : [root];
}

/**
 * Why a command of `verb` left no note. `reads`, `writes`: files that it needs besides those of
 * ralloc.
 */
function whyNothing(command, verb, { reads = [], writes }) {
  const words = [...command, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  if (!words.some((word) => PERMISSION.test(word)))
    return `the command started no Node process, or one without NODE_OPTIONS. Write it as "ralloc ${verb} -- node app.js"`;
  const read = [...foldersOf(ROOT), ...reads].map((file) => `--allow-fs-read=${file}`);
  const written = writes.map((file) => `--allow-fs-write=${file}`);
  return `--permission keeps ralloc from it. Add ${[...read, ...written, '--allow-addons'].join(' ')}`;
}

const isNode = (program) => NODE.test(path.basename(program));

/**
 * The command with `preload`, if given, loaded first in each Node: by NODE_OPTIONS, which reaches
 * forks without execArgv, and unless `asArgument` is false as an argument of `node` too, which
 * reaches threads and forks with their own environment.
 */
function commandOf([program, ...others], env, { preload, asArgument = true }) {
  // --require, not --import: with --import, Node loads the main program as an ES module, and
  // programs that hook require() for another extension (node -r ts-node/register app.ts) fail with
  // ERR_UNKNOWN_FILE_EXTENSION.
  const isLoaded = preload !== undefined && asArgument && isNode(program);
  const args = isLoaded ? ['--require', preload, ...others] : others;
  const all = preload ? { ...env, NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS, preload) } : env;
  return { program, args, env: all };
}

/**
 * systemd's socket activation names the process that it is for, which is the application and not
 * its launcher.
 */
const FOR_ITSELF = 'unset LISTEN_PIDFDID; LISTEN_PID=$$; exec "$0" "$@"';

/** What to spawn: `{ program, args, options, channel }`, with all that this process was given. */
function spawnable({ program, args, env }) {
  const stdio = ['inherit', 'inherit', 'inherit'];
  if (IS_WINDOWS) {
    const what = onWindows(program, args, env);
    if (process.connected) stdio.push('ipc');
    const options = { ...what.options, env, stdio, serialization: 'advanced' };
    return { ...what, options };
  }
  const channel = given.channel();
  for (const fd of given.descriptors()) stdio[fd] = fd;
  if (channel !== undefined) stdio[channel.fd] = channel.fd;
  const options = {
    env: { ...env, ...channel?.variables },
    stdio: Array.from(stdio, (one) => one ?? 'ignore'),
  };
  if (Number(env.LISTEN_PID) !== process.pid) return { program, args, options, channel };
  return { program: '/bin/sh', args: ['-c', FOR_ITSELF, program, ...args], options, channel };
}

/** Passes on the messages of a channel, both ways: Windows cannot pass on the channel. */
function relay(child) {
  const both = [
    [process, child],
    [child, process],
  ];
  for (const [from, to] of both) {
    from.on('message', (message, handle) => to.connected && to.send(message, handle));
    from.once('disconnect', () => to.connected && to.disconnect());
  }
}

/**
 * Starts the application for `verb`, with `preload`: see commandOf(). Returns `{ ended }`, which
 * resolves with `{ code, end() }`: if a signal ended the application, end() ends this process by
 * the same signal, so that a shell or supervisor sees it; `code` is the exit code if that is not
 * possible. Throws or rejects with cannotStart().
 */
function startApplication(command, env, how) {
  const { verb } = how;
  const { program, args, options, channel } = spawnable(commandOf(command, env, how));
  const processes = new Processes();
  const signals = new Signals(processes); // first, for a signal that comes while it is started
  const failed = ({ code }) => {
    throw cannotStart(command[0], code, verb);
  };
  let child;
  try {
    child = processes.start(program, args, options);
  } catch (error) {
    signals.end();
    failed(error);
  }
  channel?.leave();
  if (IS_WINDOWS && process.connected) relay(child);
  const exited = ([code, signal]) => ({
    code: signal === null ? code : 128 + os.constants.signals[signal],
    end: () => {
      if (signal !== null) process.kill(process.pid, signal);
    },
  });
  const ended = once(child, 'exit')
    .then(exited, failed)
    .finally(() => signals.end());
  return { ended };
}

module.exports = {
  ...{ commandOf, foldersOf, isAlive, isNode, lostText, relay, startApplication },
  ...{ whyNothing, withFolder, withNotes },
};
