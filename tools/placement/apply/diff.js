'use strict';

// Edits as a unified diff for `git apply` and `patch -p1`, made by jsdiff, except for the names of files.

const { edited } = require('../../../lib/auto/source/text.js');

const CONTEXT = 3;

const OCTAL = 8;
const octal = (text) =>
  [...Buffer.from(text)].map((byte) => `\\${byte.toString(OCTAL).padStart(3, '0')}`).join('');

/** A file name in a header: quoted as git does, with a tab after it if its end would be unclear. */
function nameOf(name) {
  if (!/["\\\p{Cc}]/u.test(name)) return name.includes(' ') ? `${name}\t` : name;
  return `"${name.replace(/["\\]/g, '\\$&').replace(/\p{Cc}/gu, octal)}"`;
}

const hunkText = ({ oldStart, oldLines, newStart, newLines, lines }) =>
  `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${lines.join('\n')}\n`;

/** `name`: with `/`, relative to the folder where the diff is applied. `file`: a Text. Returns an empty text if nothing changes. `jsdiff`: the exports of the package diff. */
function diffOf(name, { bom, text }, edits, { structuredPatch }) {
  const [old, now] = [bom + text, bom + edited(text, edits)];
  const { hunks } = structuredPatch('', '', old, now, '', '', { context: CONTEXT });
  if (hunks.length === 0) return '';
  return `--- ${nameOf(`a/${name}`)}\n+++ ${nameOf(`b/${name}`)}\n${hunks.map(hunkText).join('')}`;
}

module.exports = { diffOf };
