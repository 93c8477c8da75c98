'use strict';

// node scripts/release/set-version.js VERSION [--date YYYY-MM-DD] [--root DIR]   sets the version in every file that has it. Without a date
// the CHANGELOG's heading says "unreleased"; with one, it is that of the release. A released version keeps its heading, and the
// new one gets one above it.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('../lib/program.js');
const { CHANGELOG, places, versionIn } = require('../lib/versions.js');

const VERSION = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const UNRELEASED = 'unreleased';

function withHeading(text, version, date) {
  const { line, found } = versionIn(text, CHANGELOG[1]);
  if (found === undefined) throw new Error('CHANGELOG.md has no heading of a version');
  const lines = text.split('\n');
  const heading = `## [${version}] - ${date ?? UNRELEASED}`;
  const isReleased = !lines[line - 1].endsWith(UNRELEASED);
  if (isReleased && found !== version) lines.splice(line - 1, 0, heading, '');
  else if (!isReleased || date !== undefined) lines[line - 1] = heading;
  return lines.join('\n');
}

function changed(file, pattern, text, version, date) {
  if (file === CHANGELOG[0]) return withHeading(text, version, date);
  if (!pattern.test(text)) throw new Error(`${file} has no version`);
  return text.replace(pattern, (_, before, after) => before + version + after);
}

/** Every file as it is to be, before any is written: a file may have the version in two places. */
function allChanged(root, version, date) {
  const files = new Map();
  for (const [file, pattern] of places(root)) {
    const text = files.get(file) ?? fs.readFileSync(path.join(root, file), 'utf8');
    files.set(file, changed(file, pattern, text, version, date));
  }
  return files;
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { date: { type: 'string' }, root: { type: 'string' } },
  });
  const [version] = positionals;
  const { date, root = path.join(__dirname, '..', '..') } = values;
  if (positionals.length !== 1 || !VERSION.test(version))
    throw new Error('usage: node scripts/release/set-version.js VERSION [--date YYYY-MM-DD]');
  if (date !== undefined && (!DATE.test(date) || Number.isNaN(Date.parse(date))))
    throw new Error(`${date} is no date: 2026-01-31 is one`);
  for (const [file, text] of allChanged(root, version, date)) {
    fs.writeFileSync(path.join(root, file), text);
    console.log(`${file}: ${version}`);
  }
}

program(main);
