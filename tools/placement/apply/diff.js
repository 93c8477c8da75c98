'use strict';

// Edits as a unified diff for `git apply` and `patch -p1`, made by jsdiff, except for the names of files.

const { edited } = require('../../../lib/auto/source/text.js');

const CONTEXT = 3;

/** A file name in a header, with a tab after it if its end would be unclear. */
const nameOf = (name) => (name.includes(' ') ? `${name}\t` : name);

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
