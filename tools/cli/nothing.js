'use strict';

// Says why the application that a command started left no note, and what to do.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const NODE = /^(node|nodejs)(\.exe)?$/i;
const PERMISSION = /^--(experimental-)?permission$/;

/** Options with which Node prints something and exits. */
const TELLING = new Set(['-v', '--version', '-h', '--help', '--v8-options', '--completion-bash']);

/** The first such option, if `command` is Node without a program. */
function tellingOption([program, ...args]) {
  if (!NODE.test(path.basename(program))) return undefined;
  const end = args.findIndex((arg) => !arg.startsWith('-'));
  return args.slice(0, end === -1 ? args.length : end).find((arg) => TELLING.has(arg));
}

const isRestricted = (command, options) =>
  [...command, ...options.split(/\s+/)].some((arg) => PERMISSION.test(arg));

/** The folders that must be readable: ralloc's, and the package beside it that contains an installed binary. */
function foldersOf(root) {
  const beside = path.join(path.dirname(root), '@ralloc');
  return fs.existsSync(beside) ? [root, beside] : [root];
}

/** The flags with which --permission allows ralloc to read its files. */
const readFlags = (reads) =>
  [...foldersOf(ROOT), ...reads].map((file) => `--allow-fs-read=${file}`);

/** Whether `command` is under --permission, and may not read ralloc's files. */
function isKeptOut(command, options = '') {
  const words = [...command, ...options.split(/\s+/)];
  const isAllowed = (folder) =>
    folder === '*' || ROOT === folder || ROOT.startsWith(path.join(folder, '/'));
  const reads = words.flatMap((word) => /^--allow-fs-read=(.*)$/.exec(word)?.[1].split(',') ?? []);
  return isRestricted(command, options) && !reads.some(isAllowed);
}

/** `{ why, isFailure }` for a command of `verb` that left no note. `options`: NODE_OPTIONS; `reads`, `writes`: files that it needs besides those of ralloc. */
function whyNothing({ command, options = '', verb, reads = [], writes }) {
  const option = tellingOption(command);
  if (option !== undefined) {
    return { why: `with ${option} Node runs no program`, isFailure: false };
  }
  if (isRestricted(command, options)) {
    const written = writes.map((file) => `--allow-fs-write=${file}`);
    const flags = [...readFlags(reads), ...written, '--allow-addons'].join(' ');
    return { why: `--permission keeps ralloc from it. Add ${flags}`, isFailure: true };
  }
  const why = `the command started no Node process, or one without NODE_OPTIONS. Write it as "ralloc ${verb} -- node app.js"`;
  return { why, isFailure: true };
}

module.exports = { foldersOf, isKeptOut, readFlags, whyNothing };
