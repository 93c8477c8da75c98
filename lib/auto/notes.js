'use strict';

// Notes that the processes of `ralloc trial` leave for it: a file each, empty until the process is over.

const fs = require('node:fs');
const path = require('node:path');

const fileOf = (folder, pid) => path.join(folder, `${pid}.json`);

/** False where it cannot be written: the folder is gone with the command, or forbidden. */
function write(folder, pid, text) {
  try {
    fs.writeFileSync(fileOf(folder, pid), text);
    return true;
  } catch {
    return false;
  }
}

const begin = (folder, pid) => write(folder, pid, '');
const end = (folder, pid, note) => write(folder, pid, JSON.stringify(note));

/** `{ notes, lost }`: what they told, and how many told nothing, as they were killed. */
function readAll(folder) {
  const texts = fs
    .readdirSync(folder)
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  const notes = [];
  for (const text of texts) {
    try {
      notes.push(JSON.parse(text));
    } catch {
      // Cut off, or not begun.
    }
  }
  return { notes, lost: texts.length - notes.length };
}

module.exports = { begin, end, readAll };
