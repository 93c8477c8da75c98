'use strict';

// Starts the application, passes signals on to it, and ends with its exit code or signal. Says why it left no note, and what to do.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const time = require('../../lib/base/time.js');
const { nodeOptions } = require('../recorder/options.js');
const { FAILED, count, tell } = require('./print.js');

const { win32 } = path;
const IS_WINDOWS = process.platform === 'win32';
const ROOT = path.join(__dirname, '..', '..');
const PERMISSION = /^--(experimental-)?permission$/;
const NODE = /^(node|nodejs)(\.exe)?$/i;

/** Of Windows: what it has without PATHEXT; programs that cmd.exe runs; and characters with a meaning for that, even within quotes. */
const EXTENSIONS = '.COM;.EXE;.BAT;.CMD';
const BATCH = /\.(bat|cmd)$/i;
const SPECIAL = /[()[\]%!^"`<>&|;, *?]/g;

/** A terminal sends these to each process of the group itself. */
const OF_TERMINALS = ['SIGINT', 'SIGQUIT', 'SIGHUP'];
const OTHERS = ['SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGALRM', 'SIGXCPU'];

/** Signals that a Windows console sends to all of its processes. They cannot be passed on there: kill() ends a process at once, whatever the signal. */
const OF_CONSOLES = ['SIGINT', 'SIGBREAK', 'SIGHUP'];

/** How long to wait after SIGTERM before SIGKILL. The recorder listens for SIGTERM, so an application that hangs does not end by it, and the launcher would wait for ever. */
const TERMINATION_MS = 15_000; // a server that closes its connections may need ten

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
  const heard = IS_WINDOWS ? OF_CONSOLES : [...OF_TERMINALS, ...OTHERS];
  for (const signal of heard) process.on(signal, pass);
  const leaveOff = () => {
    time.clearTimeout(deadline);
    for (const signal of heard) process.off(signal, pass);
  };
  return { stop: () => send('SIGTERM'), leaveOff };
}

/** Calls act(folder) with a folder in which the processes of a run leave notes. The folder is removed afterwards. */
async function withFolder(verb, act) {
  const notes = fs.mkdtempSync(path.join(os.tmpdir(), `ralloc-${verb}-`));
  try {
    return await act(notes);
  } finally {
    fs.rmSync(notes, { recursive: true, force: true });
  }
}

/** Like withFolder(), and ends as the application did: `act` resolves with `{ code, end, isWhole }`. If it succeeded and not all is whole, that is a failure. */
async function withNotes(verb, act) {
  const { code, end, isWhole } = await withFolder(verb, act);
  end();
  return code === 0 && !isWhole ? FAILED : code;
}

const lostText = (lost) =>
  `${count(lost, 'process', 'processes')} ended without a word, as by ${IS_WINDOWS ? 'taskkill /F' : 'SIGKILL'}`;

/** The folders that must be readable: ralloc's, and the package beside it that contains an installed binary. */
function foldersOf(root) {
  const beside = path.join(path.dirname(root), '@ralloc');
  return fs.existsSync(beside) ? [root, beside] : [root];
}

/** Why a command of `verb` left no note. `reads`, `writes`: files that it needs besides those of ralloc. */
function whyNothing(command, verb, { reads = [], writes }) {
  const words = [...command, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  if (!words.some((word) => PERMISSION.test(word)))
    return `the command started no Node process, or one without NODE_OPTIONS. Write it as "ralloc ${verb} -- node app.js"`;
  const read = [...foldersOf(ROOT), ...reads].map((file) => `--allow-fs-read=${file}`);
  const written = writes.map((file) => `--allow-fs-write=${file}`);
  return `--permission keeps ralloc from it. Add ${[...read, ...written, '--allow-addons'].join(' ')}`;
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile();

/** A variable of an environment. Names are case-insensitive on Windows, but not in a copy of process.env. */
const variable = (env, name) => env[Object.keys(env).find((one) => one.toUpperCase() === name)];

/** The file that a shell of Windows would run for a name; undefined if there is none. */
function find(program, env, isThere) {
  const endings = (variable(env, 'PATHEXT') || EXTENSIONS).split(';').filter(Boolean);
  if (win32.extname(program) !== '') endings.unshift('');
  const folders = /[\\/:]/.test(program) ? [''] : ['', ...(variable(env, 'PATH') ?? '').split(';')];
  const filesIn = (folder) => endings.map((end) => win32.join(folder, program + end));
  return folders.flatMap(filesIn).find(isThere);
}

/** Quotes an argument as programs parse their command line: backslashes are special only before quotes. */
const quoted = (arg) =>
  `"${arg.replace(/(\\*)("|$)/g, (_, slashes, quote) => slashes + slashes + (quote && '\\"'))}"`;

const escaped = (text) => text.replace(SPECIAL, '^$&');

/** Escapes an argument for cmd.exe, which parses it twice: in the command, and when the batch file passes it on. The second time quotes are enough, unless the argument contains some. */
const escapedTwice = (arg) => escaped(arg.includes('"') ? escaped(quoted(arg)) : quoted(arg));

/** What to spawn on Windows, where spawn() finds only .exe and .com files, but programs like npm are batch files: `{ program, args, options }`, those that are given, or cmd.exe. */
function onWindows(program, args, env, isThere = isFile) {
  const file = find(program, env, isThere);
  if (file === undefined || !BATCH.test(file)) return { program, args, options: {} };
  const line = [escaped(quoted(win32.normalize(file))), ...args.map(escapedTwice)].join(' ');
  return {
    program: variable(env, 'COMSPEC') || 'cmd.exe',
    args: ['/d', '/s', '/c', `"${line}"`],
    options: { windowsVerbatimArguments: true },
  };
}

/**
 * Starts the application for `verb`. `preload`, if given, is loaded first in each Node: by NODE_OPTIONS, which reaches forks without execArgv, and unless `asArgument` is
 * false as an argument of `node` too, which reaches threads and forks with their own environment. Returns `{ pid, ended, stop() }`. `ended` resolves with `{ code, end() }`: if a signal ended the
 * application, end() ends this process by the same signal, so that a shell or supervisor sees it; `code` is the exit code if that is not possible. stop() ends the process `pid` by SIGTERM.
 */
function startApplication([program, ...others], env, how) {
  const { verb, preload, asArgument = true, stdout = 'inherit' } = how;
  // --require, not --import: with --import, Node loads the main program as an ES module, and programs that hook require() for
  // another extension (node -r ts-node/register app.ts) fail with ERR_UNKNOWN_FILE_EXTENSION.
  const isNode = preload !== undefined && asArgument && NODE.test(path.basename(program));
  const args = isNode ? ['--require', preload, ...others] : others;
  const all = preload ? { ...env, NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS, preload) } : env;
  const what = IS_WINDOWS ? onWindows(program, args, all) : { program, args };
  const stdio = ['inherit', stdout, 'inherit'];
  const child = spawn(what.program, what.args, { ...what.options, env: all, stdio });
  const { stop, leaveOff } = passSignals(child);
  const exited = ([code, signal]) => ({
    code: signal === null ? code : 128 + os.constants.signals[signal],
    end: () => {
      if (signal !== null) process.kill(process.pid, signal);
    },
  });
  const failed = ({ code, message }) => {
    const why =
      code === 'ENOENT'
        ? `there is no such program. Write it as in the shell: ralloc ${verb} -- node ${program}`
        : message;
    throw Object.assign(new Error(`Cannot start "${program}": ${why}`), { code });
  };
  const ended = once(child, 'exit').then(exited, failed).finally(leaveOff);
  return { pid: child.pid, ended, stop };
}

module.exports = {
  ...{ foldersOf, lostText, onWindows, startApplication },
  ...{ whyNothing, withFolder, withNotes },
};
