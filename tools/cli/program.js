'use strict';

// The program of an application's command: which file it is, how Windows starts it, and why it
// cannot be started, with a shell's exit codes.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../../lib/base/attempt.js');

const { win32 } = path;
const [NOT_STARTED, NOT_FOUND] = [126, 127];
/** Where the system looks without a PATH. */
const USUAL = '/usr/local/bin:/bin:/usr/bin';
const SCRIPT = /\.[cm]?[jt]s$/;

/**
 * Of Windows: what it has without PATHEXT; programs that cmd.exe runs; and characters with a
 * meaning for that, even within quotes.
 */
const EXTENSIONS = '.COM;.EXE;.BAT;.CMD';
const BATCH = /\.(bat|cmd)$/i;
const SPECIAL = /[()[\]%!^"`<>&|;, *?]/g;

const isFile = (file) => attempt(() => fs.statSync(file).isFile(), false);
const hasFolder = (program) => program.includes('/') || program.includes(path.sep);

/** How to start a file that is there and is no program by itself. */
const rightly = (verb, file) =>
  SCRIPT.test(file)
    ? `. Write it as in the shell: ralloc ${verb} -- node ${file}`
    : hasFolder(file)
      ? ''
      : `. Write it as in the shell: ralloc ${verb} -- ./${file}`;

function whyMissing(program, verb) {
  if (!isFile(program))
    return hasFolder(program) ? 'there is no such file' : 'there is no such program in PATH';
  if (hasFolder(program)) return 'the program that its first line names is not there';
  return `it is a file, and no program in PATH${rightly(verb, program)}`;
}

function whyDenied(program, verb) {
  if (attempt(() => fs.statSync(program).isDirectory(), false)) return 'it is a folder';
  return `it may not be executed${rightly(verb, program)}`;
}

const REASONS = {
  ENOENT: whyMissing,
  EACCES: whyDenied,
  E2BIG: () => 'its arguments and the environment are more than the system takes',
};

/**
 * The error for a program that does not start, `code`: the system's. Its `exitCode` is what a shell
 * has for it.
 */
function cannotStart(program, code, verb) {
  const why = REASONS[code]?.(program, verb) ?? `the system refuses it (${code})`;
  const exitCode = code === 'ENOENT' ? NOT_FOUND : NOT_STARTED;
  return Object.assign(new Error(`Cannot start "${program}": ${why}`), { code, exitCode });
}

/** The code of the system's error for executing a file; undefined if it may be. */
function faultOf(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isDirectory() ? 'EACCES' : undefined;
  } catch ({ code }) {
    return code;
  }
}

/** The file that execvp() would run. Throws cannotStart(). */
function fileOf(program, env, verb) {
  const inFolder = (folder) => `${folder || '.'}/${program}`; // as it is written: links make path.join() wrong
  const inPath = () => (env.PATH ?? USUAL).split(':').map(inFolder);
  const files = hasFolder(program)
    ? [program]
    : program === ''
      ? []
      : inPath().filter(fs.existsSync);
  const faults = files.map(faultOf);
  const at = faults.indexOf(undefined);
  if (at !== -1) return files[at];
  const code = faults.find((one) => one !== 'ENOENT' && one !== 'ENOTDIR');
  throw cannotStart(program, code ?? 'ENOENT', verb);
}

/**
 * A variable of an environment. Names are case-insensitive on Windows, but not in a copy of
 * process.env.
 */
const variable = (env, name) => env[Object.keys(env).find((one) => one.toUpperCase() === name)];

/** The file that a shell of Windows would run for a name; undefined if there is none. */
function find(program, env, isThere) {
  const endings = (variable(env, 'PATHEXT') || EXTENSIONS).split(';').filter(Boolean);
  if (win32.extname(program) !== '') endings.unshift('');
  const folders = /[\\/:]/.test(program) ? [''] : ['', ...(variable(env, 'PATH') ?? '').split(';')];
  const filesIn = (folder) => endings.map((end) => win32.join(folder, program + end));
  return folders.flatMap(filesIn).find(isThere);
}

/**
 * Quotes an argument as programs parse their command line: backslashes are special only before
 * quotes.
 */
const quoted = (arg) =>
  `"${arg.replace(/(\\*)("|$)/g, (_, slashes, quote) => slashes + slashes + (quote && '\\"'))}"`;

const escaped = (text) => text.replace(SPECIAL, '^$&');

/**
 * Escapes an argument for cmd.exe, which parses it twice: in the command, and when the batch file
 * passes it on. The second time quotes are enough, unless the argument contains some.
 */
const escapedTwice = (arg) => escaped(arg.includes('"') ? escaped(quoted(arg)) : quoted(arg));

/**
 * What to spawn on Windows, where spawn() finds only .exe and .com files, but programs like npm are
 * batch files: `{ program, args, options }`, those that are given, or cmd.exe.
 */
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

module.exports = { cannotStart, fileOf, onWindows };
