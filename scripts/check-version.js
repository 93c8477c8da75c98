'use strict';

// One version everywhere: in package.json and its lock, in Cargo.toml and its lock, in the packages under npm/,
// and at the head of CHANGELOG.md.
//
//   node scripts/check-version.js [--tag v1.2.3]   with a tag, which is that version's, for a release

const fs = require('node:fs');
const path = require('node:path');
const { runCheck } = require('./lib/check.js');

/** [line, version] of the first match; line 1 where there is none. */
function search(text, pattern) {
  const match = pattern.exec(text);
  const line = match === null ? 1 : text.slice(0, match.index).split('\n').length;
  return [line, match?.[1]];
}

/** In Cargo.toml the [package]'s, in Cargo.lock ralloc-core's. */
const CARGO = /^name = "ralloc-core"\n(?:(?!\[).*\n)*?version = "([^"]+)"/m;
const JSON_VERSION = /"version": *"([^"]+)"/;
/** `## [1.2.3]`, `## 1.2.3 - 2026-01-01`; a heading without a number is what comes next. */
const HEADING = /^## \[?v?(\d+\.\d+\.\d[\w.-]*)/m;
const LOCK_ROOT = /"packages": *\{\s*"": *\{\s*(?:"name": *"[^"]*",\s*)?"version": *"([^"]+)"/;

/** @returns {{ file: string, line: number, found?: string }[]} every place that has the version */
function places(root) {
  const all = [
    ['Cargo.toml', CARGO],
    ['Cargo.lock', CARGO],
    ['package-lock.json', JSON_VERSION],
    ['package-lock.json', LOCK_ROOT],
    ['CHANGELOG.md', HEADING],
  ];
  const npm = path.join(root, 'npm');
  const platforms = fs.existsSync(npm) ? fs.readdirSync(npm) : [];
  for (const one of platforms) all.push([`npm/${one}/package.json`, JSON_VERSION]);
  return all
    .filter(([file]) => fs.existsSync(path.join(root, file)))
    .map(([file, pattern]) => {
      const [line, found] = search(fs.readFileSync(path.join(root, file), 'utf8'), pattern);
      return { file, line, found };
    });
}

function checkVersion(root, tag) {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const findings = places(root)
    .filter(({ found }) => found !== version)
    .map(({ file, line, found = 'no version' }) => ({
      file,
      line,
      what: `${found}, but package.json says ${version}`,
    }));
  if (tag !== undefined && tag !== `v${version}`) {
    findings.push({ file: 'package.json', line: 1, what: `${version} is released as ${tag}` });
  }
  return findings;
}

const cargo = (version) => [
  '[package]',
  'name = "ralloc-core"',
  `version = "${version}"`,
  '',
  '[dependencies]',
  'napi = { version = "3" }',
];
const npmLock = (outer, inner) => [
  '{ "name": "ralloc",',
  `  "version": "${outer}",`,
  '  "packages": { "": { "name": "ralloc",',
  `    "version": "${inner}" }, "node_modules/a": { "version": "9.9.9" } } }`,
];

const CASES = [
  {
    name: 'one version',
    files: {
      'package.json': '{ "version": "1.2.3" }',
      'package-lock.json': npmLock('1.2.3', '1.2.3'),
      'Cargo.toml': cargo('1.2.3'),
      'Cargo.lock': ['[[package]]', 'name = "napi"', 'version = "3.0.0"', '', ...cargo('1.2.3')],
      'npm/linux-x64-gnu/package.json': '{ "version": "1.2.3" }',
      'CHANGELOG.md': [
        '# Changelog',
        '',
        '## [Unreleased]',
        '',
        '## [1.2.3] - 2026-01-01',
        '## 1.2.2',
      ],
    },
    wrong: [],
  },
  {
    name: 'other versions, and none',
    files: {
      'package.json': '{ "version": "1.2.3" }',
      'package-lock.json': npmLock('1.2.2', '1.2.1'),
      'Cargo.toml': cargo('1.2.4'),
      'Cargo.lock': ['[[package]]', 'name = "napi"', 'version = "1.2.3"'],
      'npm/linux-x64-gnu/package.json': ['{', '  "version": "1.2.3-beta.1" }'],
      'CHANGELOG.md': ['# Changelog', '', '## 1.2.2', '## 1.2.3'],
    },
    wrong: [
      'package-lock.json:2',
      'package-lock.json:3',
      'Cargo.toml:2',
      'Cargo.lock:1',
      'npm/linux-x64-gnu/package.json:2',
      'CHANGELOG.md:3',
    ],
  },
];

const at = process.argv.indexOf('--tag');
const tag = at < 0 ? undefined : (process.argv[at + 1] ?? '');
runCheck((root) => checkVersion(root, tag), CASES);
