'use strict';

// The change of a file as it is loaded. It has no parser: bake has looked at the text (lib/profile/apply/look.js), and here its hash tells that it is the same.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { EDITED, OTHER, COMPILED, TAKEN, WRONG } = require('./states.js');

const BOM = '\uFEFF';
const LENGTH = 'Buffer'.length;

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

const asText = (source) => {
  if (typeof source === 'string') return source;
  const bytes = ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source);
  return bytes.toString();
};

/** What is on the disk is what the table knows: what was to be compiled is made of it by something else, as tsx or ts-node do. */
function isOnDisk(real, sha256) {
  try {
    return hashOf(fs.readFileSync(real)) === sha256;
  } catch {
    return false;
  }
}

/** Loaders that take the mark off give text that has another hash than its file. */
const isOf = (text, sha256) =>
  hashOf(text) === sha256 || (!text.startsWith(BOM) && hashOf(BOM + text) === sha256);

/** `{ state, text }` of a source that is to be compiled: what has become of it, and its text where it was changed. */
function change(real, { sha256, edits }, source) {
  const text = asText(source);
  const begin = text.startsWith(BOM) ? BOM.length : 0; // offsets do not count it
  const at = ({ offset }) => begin + offset;
  // A thread of hooks, on Node 20, has these hooks twice.
  if (edits.every((edit) => text.startsWith(edit.name, at(edit)))) return { state: EDITED };
  if (!isOf(text, sha256)) return { state: isOnDisk(real, sha256) ? COMPILED : OTHER };
  if (edits.some(({ name }) => text.includes(name))) return { state: TAKEN };
  if (!edits.every((edit) => text.startsWith(edit.callee, at(edit)))) return { state: WRONG };
  let changed = '';
  let end = 0;
  for (const edit of edits) {
    changed += text.slice(end, at(edit)) + edit.name;
    end = at(edit) + LENGTH;
  }
  return { state: EDITED, text: changed + text.slice(end) };
}

module.exports = { change };
