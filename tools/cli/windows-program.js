'use strict';

// Starts the program that a command names on Windows. spawn() finds .exe and .com files alone, and npm and its like are batch files, which cmd.exe runs.

const fs = require('node:fs');
const { win32 } = require('node:path');

const EXTENSIONS = '.COM;.EXE;.BAT;.CMD';
const BATCH = /\.(bat|cmd)$/i;
/** What means something to cmd.exe, within quotes too. */
const SPECIAL = /[()[\]%!^"`<>&|;, *?]/g;

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** Of an environment, whose names have no case on Windows; a copy of it has. */
const variable = (env, name) => env[Object.keys(env).find((one) => one.toUpperCase() === name)];

/** The file that a name stands for in a shell; undefined where there is none. */
function find(program, env, isThere) {
  const endings = (variable(env, 'PATHEXT') || EXTENSIONS).split(';').filter(Boolean);
  const isNamed = win32.extname(program) !== '';
  const folders = /[\\/:]/.test(program) ? [''] : ['', ...(variable(env, 'PATH') ?? '').split(';')];
  return folders
    .flatMap((folder) =>
      [...(isNamed ? [''] : []), ...endings].map((end) => win32.join(folder, `${program}${end}`)),
    )
    .find(isThere);
}

/** An argument as programs read it from their command line: backslashes count before quotes alone. */
const quoted = (arg) =>
  `"${arg.replace(/(\\*)("|$)/g, (_, slashes, quote) => slashes + slashes + (quote && '\\"'))}"`;

const escaped = (text) => text.replace(SPECIAL, '^$&');

/** cmd.exe reads an argument twice: in the command, and where the batch file passes it on. Quotes keep it then, unless it has some itself. */
function escapedTwice(arg) {
  const once = escaped(quoted(arg));
  return arg.includes('"') ? escaped(once) : once;
}

/** `{ program, args, options }` for spawn(): those given, or cmd.exe where they name a batch file. */
function started(program, args, env, isThere = isFile) {
  const file = find(program, env, isThere);
  if (file === undefined || !BATCH.test(file)) return { program, args, options: {} };
  const line = [escaped(quoted(win32.normalize(file))), ...args.map(escapedTwice)].join(' ');
  return {
    program: variable(env, 'COMSPEC') || 'cmd.exe',
    args: ['/d', '/s', '/c', `"${line}"`],
    options: { windowsVerbatimArguments: true },
  };
}

module.exports = { started };
