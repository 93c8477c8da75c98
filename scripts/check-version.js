'use strict';

// One version everywhere: in package.json and its lock, in lib/base/version.js, in Cargo.toml and its lock, in the packages
// under npm/, and at the head of CHANGELOG.md.
//
//   node scripts/check-version.js [--tag v1.2.3]   with a tag, for a release: it is that version's, and the CHANGELOG has a date
//   node scripts/release/set-version.js 1.2.3      sets them all

const { runCheck } = require('./lib/check.js');
const { checkVersion } = require('./lib/versions.js');

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
      'lib/base/version.js': "module.exports = { version: '1.2.3' };",
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
      'lib/base/version.js': ["'use strict';", '', "module.exports = { version: '1.2.2' };"],
      'package-lock.json': npmLock('1.2.2', '1.2.1'),
      'Cargo.toml': cargo('1.2.4'),
      'Cargo.lock': ['[[package]]', 'name = "napi"', 'version = "1.2.3"'],
      'npm/linux-x64-gnu/package.json': ['{', '  "version": "1.2.3-beta.1" }'],
      'CHANGELOG.md': ['# Changelog', '', '## 1.2.2', '## 1.2.3'],
    },
    wrong: [
      'lib/base/version.js:3',
      'package-lock.json:2',
      'package-lock.json:4',
      'Cargo.toml:3',
      'Cargo.lock:1',
      'npm/linux-x64-gnu/package.json:2',
      'CHANGELOG.md:3',
    ],
  },
];

const at = process.argv.indexOf('--tag');
const tag = at < 0 ? undefined : (process.argv[at + 1] ?? '');
runCheck((root) => checkVersion(root, tag), CASES);
