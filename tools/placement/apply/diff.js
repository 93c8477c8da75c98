'use strict';

// Edits as a unified diff, which `git apply` and `patch -p1` take: by jsdiff, but for the names of files.

const { edited } = require('../../../lib/auto/source/text.js');

const CONTEXT = 3;

const OCTAL = 8;
const octal = (text) =>
  [...Buffer.from(text)].map((byte) => `\\${byte.toString(OCTAL).padStart(3, '0')}`).join('');

/** A name in a head: as git quotes it, with a tab where its end is not clear. */
function nameOf(name) {
  if (!/["\\\p{Cc}]/u.test(name)) return name.includes(' ') ? `${name}\t` : name;
  return `"${name.replace(/["\\]/g, '\\$&').replace(/\p{Cc}/gu, octal)}"`;
}

const hunkText = ({ oldStart, oldLines, newStart, newLines, lines }) =>
  `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@\n${lines.join('\n')}\n`;

/** `name`: with `/`, from the folder where the diff is to be applied; `file`: a Text. Empty where nothing changes. `jsdiff`: what the package diff exports. */
function diffOf(name, { bom, text }, edits, { structuredPatch }) {
  const [old, now] = [bom + text, bom + edited(text, edits)];
  const { hunks } = structuredPatch('', '', old, now, '', '', { context: CONTEXT });
  if (hunks.length === 0) return '';
  return `--- ${nameOf(`a/${name}`)}\n+++ ${nameOf(`b/${name}`)}\n${hunks.map(hunkText).join('')}`;
}

module.exports = { diffOf };
