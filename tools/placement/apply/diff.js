'use strict';

// Edits as a unified diff, which `git apply` and `patch -p1` take.

const { edited, sorted } = require('../../../lib/auto/source/text.js');

const CONTEXT = 3;

/** Lines with their ends. */
const linesOf = (text) => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

/** The first lines of `old` that each edit touches, and those after: [from, to), from 0. Neighbours are one. */
function rangesOf(lines, edits) {
  const starts = [0];
  for (const line of lines) starts.push(starts.at(-1) + line.length);
  const lineAt = (offset) => {
    let [low, high] = [0, lines.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const ranges = [];
  for (const { start, end } of sorted(edits)) {
    const [from, to] = [lineAt(start), lineAt(end) + 1];
    const last = ranges.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else ranges.push({ from, to });
  }
  return ranges.map(({ from, to }) => ({ from, to, start: starts[from], end: starts[to] }));
}

/** A hunk for ranges whose contexts meet. */
function groupsOf(ranges) {
  const groups = [];
  for (const range of ranges) {
    const last = groups.at(-1);
    if (last !== undefined && range.from - last.at(-1).to <= 2 * CONTEXT) last.push(range);
    else groups.push([range]);
  }
  return groups;
}

const marked = (sign, line) =>
  line.endsWith('\n') ? `${sign}${line}` : `${sign}${line}\n\\ No newline at end of file\n`;

/** The lines of a range without those at its begin and end that stay. */
function changed(old, now) {
  let [first, last] = [0, 0];
  const most = Math.min(old.length, now.length);
  while (first < most && old[first] === now[first]) first++;
  while (last < most - first && old.at(-1 - last) === now.at(-1 - last)) last++;
  const cut = (lines) => lines.slice(first, lines.length - last);
  return {
    before: old.slice(0, first),
    gone: cut(old),
    come: cut(now),
    after: old.slice(old.length - last),
  };
}

/** A hunk's texts: [sign, line]. */
function rowsOf(group, text, lines, edits) {
  const rows = [];
  const keep = (some) => rows.push(...some.map((line) => [' ', line]));
  let at = Math.max(0, group[0].from - CONTEXT);
  for (const range of group) {
    keep(lines.slice(at, range.from));
    const inside = edits.filter(({ start, end }) => start >= range.start && end <= range.end);
    const moved = inside.map((edit) => ({
      ...edit,
      start: edit.start - range.start,
      end: edit.end - range.start,
    }));
    const now = linesOf(edited(text.slice(range.start, range.end), moved));
    const { before, gone, come, after } = changed(lines.slice(range.from, range.to), now);
    keep(before);
    rows.push(...gone.map((line) => ['-', line]), ...come.map((line) => ['+', line]));
    keep(after);
    at = range.to;
  }
  keep(lines.slice(at, at + CONTEXT));
  return rows;
}

/** At an end of a hunk, no more context than CONTEXT lines. */
function trimmed(rows, from) {
  const first = rows.findIndex(([sign]) => sign !== ' ');
  const last = rows.findLastIndex(([sign]) => sign !== ' ');
  const skip = Math.max(0, first - CONTEXT);
  return { rows: rows.slice(skip, last + 1 + CONTEXT), from: from + skip };
}

const rangeOf = (from, count) => (count === 0 ? `${from},0` : `${from + 1},${count}`);

const OCTAL = 8;
const octal = (text) =>
  [...Buffer.from(text)].map((byte) => `\\${byte.toString(OCTAL).padStart(3, '0')}`).join('');

/** A name in a head: as git quotes it, with a tab where its end is not clear. */
function nameOf(name) {
  if (!/["\\\p{Cc}]/u.test(name)) return name.includes(' ') ? `${name}\t` : name;
  return `"${name.replace(/["\\]/g, '\\$&').replace(/\p{Cc}/gu, octal)}"`;
}

/** `name`: with `/`, from the folder where the diff is to be applied; `file`: a Text. Empty where nothing changes. */
function diffOf(name, file, given) {
  // A byte order mark stands before what edits count.
  const text = file.bom + file.text;
  const by = file.bom.length;
  const edits = given.map((edit) => ({ ...edit, start: edit.start + by, end: edit.end + by }));
  const lines = linesOf(text);
  let grown = 0;
  let result = '';
  for (const group of groupsOf(rangesOf(lines, edits))) {
    const begin = Math.max(0, group[0].from - CONTEXT);
    const { rows, from } = trimmed(rowsOf(group, text, lines, edits), begin);
    const count = (not) => rows.filter(([sign]) => sign !== not).length;
    const [old, now] = [count('+'), count('-')];
    if (rows.every(([sign]) => sign === ' ')) continue;
    result += `@@ -${rangeOf(from, old)} +${rangeOf(from + grown, now)} @@\n`;
    result += rows.map(([sign, line]) => marked(sign, line)).join('');
    grown += now - old;
  }
  return result === '' ? '' : `--- ${nameOf(`a/${name}`)}\n+++ ${nameOf(`b/${name}`)}\n${result}`;
}

module.exports = { diffOf };
