'use strict';

// One version everywhere: a part of lint compares the places.
//
//   node scripts/release/version.js VERSION [--date YYYY-MM-DD]   sets it in all of them; a date is that of the release
//   node scripts/release/version.js --tag v1.2.3                  a release has this tag: it is of that version, and the CHANGELOG has a date
//
// Without a date the CHANGELOG's heading says "unreleased". A released version keeps its heading, and the next one gets one above it.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { readFile } = require('../lib/files.js');
const { program } = require('../lib/program.js');

const VERSION = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const UNRELEASED = 'unreleased';
const CHANGELOG = 'CHANGELOG.md';

/** In a Cargo.toml the [package]'s, in a Cargo.lock ralloc-core's. */
const CARGO = /^(name = "ralloc-core"\n(?:(?!\[).*\n)*?version = ")([^"]+)(")/m;
const JSON_VERSION = /("version": *")([^"]+)(")/;

/** Each place: its file, and an expression of what stands before the version, the version, and what stands after it. */
const PLACES = [
  ['package.json', JSON_VERSION],
  ['lib/base/version.js', /(version: ')([^']+)(')/],
  ['package-lock.json', JSON_VERSION],
  [
    'package-lock.json',
    /("packages": *\{\s*"": *\{\s*(?:"name": *"[^"]*",\s*)?"version": *")([^"]+)(")/,
  ],
  ['Cargo.toml', CARGO],
  ['Cargo.lock', CARGO],
  ['bench/core/Cargo.lock', CARGO],
  [CHANGELOG, /^(## \[?v?)(\d+\.\d+\.\d[\w.-]*)(.*)/m], // a heading without a number is what comes next
];

/** Where the places of `root` differ from package.json's version, and what keeps them from being the release `tag`. */
function checkVersion(root, tag) {
  const { version } = JSON.parse(readFile(root, 'package.json'));
  const findings = [];
  const tell = (file, what, text = '', at = 0) =>
    findings.push({ file, line: text.slice(0, at).split('\n').length, what });
  if (tag !== undefined && tag !== `v${version}`)
    tell('package.json', `${version} is released as ${tag}`);
  for (const [file, pattern] of PLACES) {
    const text = readFile(root, file);
    const match = pattern.exec(text);
    const end = match && match.index + match[1].length;
    if (match?.[2] !== version)
      tell(file, `${match?.[2] ?? 'no version'}, but package.json says ${version}`, text, end);
    if (tag !== undefined && file === CHANGELOG && !/ - \d{4}-\d\d-\d\d$/.test(match?.[3]))
      tell(file, `"${match?.[0]}" has no date, and a release needs one`, text, end);
  }
  return findings;
}

function withHeading(text, pattern, version, date) {
  const heading = `## [${version}] - ${date ?? UNRELEASED}`;
  return text.replace(pattern, (found, _, before) => {
    const isReleased = !found.endsWith(UNRELEASED);
    if (isReleased && before !== version) return `${heading}\n\n${found}`;
    return isReleased && date === undefined ? found : heading;
  });
}

/** Changes every file, or none: a place may have no version. */
function setVersion(root, version, date) {
  const files = new Map();
  for (const [file, pattern] of PLACES) {
    const text = files.get(file) ?? readFile(root, file);
    if (!pattern.test(text)) throw new Error(`${file} has no version`);
    const changed =
      file === CHANGELOG
        ? withHeading(text, pattern, version, date)
        : text.replace(pattern, (_, before, __, after) => before + version + after);
    files.set(file, changed);
  }
  for (const [file, text] of files) {
    fs.writeFileSync(path.join(root, file), text);
    console.log(`${file}: ${version}`);
  }
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { date: { type: 'string' }, tag: { type: 'string' }, root: { type: 'string' } },
  });
  const { date, tag, root = path.join(__dirname, '..', '..') } = values;
  const [version, ...rest] = positionals;
  if (tag !== undefined && version === undefined) {
    const findings = checkVersion(root, tag);
    for (const { file, line, what } of findings) console.log(`${file}:${line}: ${what}`);
    process.exitCode = findings.length === 0 ? 0 : 1;
    return;
  }
  if (!VERSION.test(version) || rest.length > 0)
    throw new Error('usage: node scripts/release/version.js VERSION [--date YYYY-MM-DD]');
  if (date !== undefined && (!DATE.test(date) || Number.isNaN(Date.parse(date))))
    throw new Error(`${date} is not a date: 2026-01-31 is one`);
  setVersion(root, version, date);
}

module.exports = { PLACES, checkVersion };

if (require.main === module) program(main);
