'use strict';

// Says why the application that a command started left no note, and what to do.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const PERMISSION = /^--(experimental-)?permission$/;

/** The words of a command and of NODE_OPTIONS. */
const wordsOf = (command, options = '') => [...command, ...options.split(/\s+/)];

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
function isKeptOut(command, options) {
  const words = wordsOf(command, options);
  const isAllowed = (folder) =>
    folder === '*' || ROOT === folder || ROOT.startsWith(path.join(folder, '/'));
  const reads = words.flatMap((word) => /^--allow-fs-read=(.*)$/.exec(word)?.[1].split(',') ?? []);
  return isRestricted(words) && !reads.some(isAllowed);
}

/** Why a command of `verb` left no note. `options`: NODE_OPTIONS; `reads`, `writes`: files that it needs besides those of ralloc. */
function whyNothing({ command, options, verb, reads = [], writes }) {
  if (!isRestricted(wordsOf(command, options)))
    return `the command started no Node process, or one without NODE_OPTIONS. Write it as "ralloc ${verb} -- node app.js"`;
  const written = writes.map((file) => `--allow-fs-write=${file}`);
  return `--permission keeps ralloc from it. Add ${[...readFlags(reads), ...written, '--allow-addons'].join(' ')}`;
}

module.exports = { foldersOf, isKeptOut, readFlags, whyNothing };
