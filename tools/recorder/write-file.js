'use strict';

// Writes a file completely, or not at all.

const fs = require('node:fs');
const path = require('node:path');
const { writing } = require('./errors.js');
const { checkOwn } = require('./own-file.js');

/** Whether `file` exists and is not a regular file: a pipe or a terminal must not be replaced. */
function isDevice(file) {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile();
}

/** `data`: bytes, a text, or pieces of either, one after another. */
function write(file, data, { isFlushed }) {
  const descriptor = fs.openSync(file, 'w');
  try {
    const isWhole = typeof data === 'string' || ArrayBuffer.isView(data);
    for (const piece of isWhole ? [data] : data) fs.writeFileSync(descriptor, piece);
    if (isFlushed) fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Writes another file and renames it, so that a file never exists half written. */
function replace(file, data) {
  const target = fs.existsSync(file) ? fs.realpathSync(file) : file;
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}`);
  try {
    write(temporary, data, { isFlushed: true });
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

/** `kind`: see own-file.js. Throws ERR_RALLOC_PROFILE_UNWRITABLE, or _FOREIGN if a file of another kind is there. `what` begins the message: "The profile", "The report" … */
function writeFile(file, data, kind, what) {
  writing(
    file,
    () => {
      checkOwn(file, kind);
      if (isDevice(file)) write(file, data, { isFlushed: false });
      else replace(file, data);
    },
    what,
  );
}

module.exports = { writeFile };
