'use strict';

// The crate's public API breaks no program that compiles with the last release, or with the revision that is given:
// `node scripts/release/check-api.js main~10`. By cargo-semver-checks, which `cargo install cargo-semver-checks` gets.

const { spawnSync } = require('node:child_process');
const { cargo } = require('../lib/cargo.js');

function lastRelease() {
  const args = ['describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^'];
  return spawnSync('git', args, { encoding: 'utf8' }).stdout.trim();
}

const revision = process.argv[2] ?? lastRelease();
// The features that the binding alone needs are no API.
const features = ['--default-features', '--features', 'debug'];
const command = ['semver-checks', '-p', 'ralloc-core', ...features, '--baseline-rev', revision];

if (revision === '') {
  console.log('no release yet');
} else {
  process.exitCode = cargo(command) ? 0 : 1;
}
