'use strict';

// Every place that has ralloc's version: what is checked, and what a release sets.

const fs = require('node:fs');
const path = require('node:path');
const { readFile } = require('./files.js');

/** In a Cargo.toml the [package]'s, in a Cargo.lock ralloc-core's. The version is between the two groups. */
const CARGO = /^(name = "ralloc-core"\n(?:(?!\[).*\n)*?version = ")[^"]+(")/m;
const MODULE = /(version: ')[^']+(')/;
const JSON_VERSION = /("version": *")[^"]+(")/;
const LOCK_ROOT = /("packages": *\{\s*"": *\{\s*(?:"name": *"[^"]*",\s*)?"version": *")[^"]+(")/;
/** `## [1.2.3]`, `## 1.2.3 - 2026-01-01`; a heading without a number is what comes next. */
const HEADING = /^(## \[?v?)\d+\.\d+\.\d[\w.-]*()/m;

const MAIN = ['package.json', JSON_VERSION];
const CHANGELOG = ['CHANGELOG.md', HEADING];

/** [file, pattern] of each place that there is; package.json's comes first, by which the others go. */
function places(root) {
  const npm = path.join(root, 'npm');
  const platforms = fs.existsSync(npm) ? fs.readdirSync(npm) : [];
  return [
    MAIN,
    ['lib/base/version.js', MODULE],
    ['package-lock.json', JSON_VERSION],
    ['package-lock.json', LOCK_ROOT],
    ['Cargo.toml', CARGO],
    ['Cargo.lock', CARGO],
    ['bench/core/Cargo.lock', CARGO],
    ...platforms.map((one) => [`npm/${one}/package.json`, JSON_VERSION]),
    CHANGELOG,
  ].filter(([file]) => fs.existsSync(path.join(root, file)));
}

/** @returns {{ line: number, found?: string }} the version in `text`; line 1 where there is none */
function versionIn(text, pattern) {
  const match = pattern.exec(text);
  if (match === null) return { line: 1 };
  const [whole, before, after] = match;
  const found = whole.slice(before.length, whole.length - after.length);
  const line = text.slice(0, match.index + before.length).split('\n').length;
  return { line, found };
}

/** What keeps the CHANGELOG from being a release's: it must say when. */
function undated(root) {
  const [file, pattern] = CHANGELOG;
  const text = readFile(root, file);
  const { line } = versionIn(text, pattern);
  const heading = text.split('\n')[line - 1];
  if (/ - \d{4}-\d\d-\d\d$/.test(heading)) return [];
  return [{ file, line, what: `"${heading}" has no date, and a release needs one` }];
}

function checkVersion(root, tag) {
  const [[main], ...others] = places(root);
  const { version } = JSON.parse(readFile(root, main));
  const findings = others
    .map(([file, pattern]) => ({ file, ...versionIn(readFile(root, file), pattern) }))
    .filter(({ found }) => found !== version)
    .map(({ file, line, found = 'no version' }) => ({
      file,
      line,
      what: `${found}, but package.json says ${version}`,
    }));
  if (tag === undefined) return findings;
  if (tag !== `v${version}`)
    findings.push({ file: main, line: 1, what: `${version} is released as ${tag}` });
  return [...findings, ...undated(root)];
}

module.exports = { CHANGELOG, checkVersion, places, versionIn };
