'use strict';

// The change of a file as it is loaded. Nothing is parsed: bake has looked at the text
// (source/look.js), and here its hash tells that it is the same. One that was changed since is
// looked at again.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { follow } = require('./follow.js');
const { APPLIED, EDITED, COMPILED, CONFLICT, OTHER, WRONG } = require('./states.js');

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

/** The bytes of the file; empty if it cannot be read. */
function bytesOf(real) {
  try {
    return fs.readFileSync(real);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Whether a text has this hash, with or without a byte order mark, which some loaders remove. */
const isOf = (text, sha256) =>
  hashOf(text) === sha256 || (!text.startsWith(BOM) && hashOf(BOM + text) === sha256);

/**
 * `{ state, edits }` for a text that is not the baked one. If the file on disk is, a compiler such
 * as tsx or ts-node has made this text of it.
 */
function followed(real, { sha256, edits }, text) {
  const bytes = bytesOf(real);
  if (hashOf(bytes) === sha256) return { state: COMPILED };
  if (!isOf(text, hashOf(bytes))) return { state: OTHER };
  const now = follow(real, bytes, edits, sha256);
  if (now === undefined) return { state: OTHER };
  const { edits: left, isApplied, isLess } = now;
  if (left.length === 0) return { state: APPLIED };
  return { edits: left, also: (isApplied ? APPLIED : 0) | (isLess ? OTHER : 0) };
}

/**
 * Changes a source before it is compiled: `{ state, text }`, with the text only if it was changed.
 */
function change(real, plan, source) {
  const text = asText(source);
  const begin = text.startsWith(BOM) ? BOM.length : 0; // offsets do not count the byte order mark
  const at = ({ offset }) => begin + offset;
  const isSame = isOf(text, plan.sha256);
  // On Node 20 the thread of hooks has these hooks twice, so the text may already be changed.
  if (!isSame && plan.edits.every(({ name }) => text.includes(name))) return { state: EDITED };
  const { state, edits, also = 0 } = isSame ? plan : followed(real, plan, text);
  if (state !== undefined) return { state };
  if (edits.some(({ name }) => text.includes(name))) return { state: CONFLICT };
  if (!edits.every((edit) => text.startsWith(edit.callee, at(edit)))) return { state: WRONG };
  let changed = '';
  let end = 0;
  for (const edit of edits) {
    changed += text.slice(end, at(edit)) + edit.name;
    end = at(edit) + LENGTH;
  }
  return { state: EDITED | also, text: changed + text.slice(end) };
}

module.exports = { change };
