'use strict';

// Starts the program that a command names on Windows. spawn() finds only .exe and .com files, but programs like npm are batch files, which cmd.exe runs.

const fs = require('node:fs');
const { win32 } = require('node:path');

const EXTENSIONS = '.COM;.EXE;.BAT;.CMD';
const BATCH = /\.(bat|cmd)$/i;
/** Characters with a meaning for cmd.exe, even within quotes. */
const SPECIAL = /[()[\]%!^"`<>&|;, *?]/g;

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** A variable of an environment. Names are case-insensitive on Windows, but not in a copy of process.env. */
const variable = (env, name) => env[Object.keys(env).find((one) => one.toUpperCase() === name)];

/** The file that a shell would run for a name; undefined if there is none. */
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

/** Quotes an argument as programs parse their command line: backslashes are special only before quotes. */
const quoted = (arg) =>
  `"${arg.replace(/(\\*)("|$)/g, (_, slashes, quote) => slashes + slashes + (quote && '\\"'))}"`;

const escaped = (text) => text.replace(SPECIAL, '^$&');

/** Escapes an argument for cmd.exe, which parses it twice: in the command, and when the batch file passes it on. The second time quotes are enough, unless the argument contains some. */
function escapedTwice(arg) {
  const once = escaped(quoted(arg));
  return arg.includes('"') ? escaped(once) : once;
}

/** `{ program, args, options }` for spawn(): the given ones, or cmd.exe if the program is a batch file. */
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
