'use strict';

// Notes that the processes of `ralloc compare --table` leave for it: a file each, empty until the
// process is over.

const fs = require('node:fs');
const path = require('node:path');

const fileOf = (folder, pid) => path.join(folder, `${pid}.json`);

/**
 * Writes a note. Returns false if that fails, because the folder is gone with the command, or
 * writing is forbidden.
 */
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

/**
 * Reads all notes: `{ notes, lost }`. `lost`: the number of processes without a note, because they
 * were killed.
 */
function readAll(folder) {
  const texts = fs
    .readdirSync(folder)
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  const notes = [];
  for (const text of texts) {
    try {
      notes.push(JSON.parse(text));
    } catch {
      // The note is incomplete or empty.
    }
  }
  return { notes, lost: texts.length - notes.length };
}

module.exports = { begin, end, readAll };
