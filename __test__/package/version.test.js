'use strict';
// tier: tools

// One command sets ralloc's version in every file that has it; a release's tag is checked against them all.

const test = require('ava');
const fs = require('node:fs');
const { dirname, join } = require('node:path');
const { PLACES, checkVersion } = require('../../scripts/release/version.js');
const { execute } = require('../helpers/package/npm.js');
const { root, temporary } = require('../helpers/package/release.js');

const HEADING = /^## .*$/m;

/** The files of the clone that have the version, in a folder of their own. */
function copy(t) {
  const folder = temporary();
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  for (const [file] of PLACES) {
    fs.mkdirSync(dirname(join(folder, file)), { recursive: true });
    fs.copyFileSync(join(root, file), join(folder, file));
  }
  const set = (...args) => {
    const program = join(root, 'scripts', 'release', 'version.js');
    return execute(process.execPath, [program, ...args, '--root', folder], {});
  };
  const changelog = (text) => {
    const file = join(folder, 'CHANGELOG.md');
    if (text !== undefined) fs.writeFileSync(file, text);
    return fs.readFileSync(file, 'utf8');
  };
  const faults = (tag) => checkVersion(folder, tag).map(({ file, what }) => `${file}: ${what}`);
  return { folder, set, changelog, faults };
}

test('version.js sets it in every file, and nothing else changes', async (t) => {
  const { folder, set, faults } = copy(t);
  const { code, stdout, stderr } = await set('7.8.9');
  t.is(code, 0, stderr);
  t.deepEqual(faults(), []);
  const files = [...new Set(PLACES.map(([file]) => file))];
  t.deepEqual(
    stdout.trimEnd().split('\n'),
    files.map((file) => `${file}: 7.8.9`),
  );
  t.is(files.length, 7);
  for (const file of files.filter((one) => one !== 'CHANGELOG.md')) {
    const [before, after] = [root, folder].map((at) =>
      fs.readFileSync(join(at, file), 'utf8').split('\n'),
    );
    const other = after.filter((line, index) => line !== before[index]);
    t.is(after.length, before.length, file);
    t.true(other.length > 0 && other.every((line) => /version.*7\.8\.9/.test(line)), file);
  }
});

test('a date is that of a release; after it the next version gets a heading of its own', async (t) => {
  const { set, changelog, faults } = copy(t);
  changelog('# Changelog\n\n## [0.1.0] - unreleased\n\nwords\n');
  await set('0.2.0');
  t.is(changelog(), '# Changelog\n\n## [0.2.0] - unreleased\n\nwords\n');
  await set('0.2.0', '--date', '2026-01-31');
  t.is(changelog().match(HEADING)[0], '## [0.2.0] - 2026-01-31');
  t.deepEqual(faults('v0.2.0'), []);
  await set('0.3.0-beta.1');
  t.is(
    changelog(),
    '# Changelog\n\n## [0.3.0-beta.1] - unreleased\n\n## [0.2.0] - 2026-01-31\n\nwords\n',
  );
});

test('a tag is refused that is of another version, or has no date in the changelog', async (t) => {
  const { set, faults } = copy(t);
  await set('1.2.3');
  t.deepEqual(faults('v1.2.4'), [
    'package.json: 1.2.3 is released as v1.2.4',
    'CHANGELOG.md: "## [1.2.3] - unreleased" has no date, and a release needs one',
  ]);
});

for (const [what, args, message] of [
  ['no version', [], /^version: usage: /],
  ['a tag', ['v1.2.3'], /^version: usage: /],
  ['two versions', ['1.2.3', '1.2.4'], /^version: usage: /],
  ['a date that is none', ['1.2.3', '--date', '2026-13-01'], /^version: 2026-13-01 is not a date/],
]) {
  test(`version.js refuses ${what}, and changes nothing`, async (t) => {
    const { folder, set } = copy(t);
    const { code, stderr } = await set(...args);
    t.is(code, 1);
    t.regex(stderr, message);
    for (const [file] of PLACES) {
      const [before, after] = [root, folder].map((at) => fs.readFileSync(join(at, file), 'utf8'));
      t.is(after, before, file);
    }
  });
}

test('the frameworks are peers that nobody needs, of any version: an adapter says itself which it is for', (t) => {
  const { peerDependencies, peerDependenciesMeta } = require('../../package.json');
  const names = Object.keys(peerDependencies);
  t.true(names.length >= 6);
  t.deepEqual(Object.keys(peerDependenciesMeta).sort(), names.sort());
  for (const name of names) {
    t.is(peerDependencies[name], '*', name);
    t.true(peerDependenciesMeta[name].optional, name);
  }
});
