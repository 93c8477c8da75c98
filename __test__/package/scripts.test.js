'use strict';

// What the programs of a release say when they are used wrongly: one line, and nothing is written.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { execute } = require('../helpers/package/npm.js');
const { root, temporary } = require('../helpers/package/release.js');

const WRONG = {
  'a target that ralloc is not built for': [
    'build-release.js',
    ['mips-unknown-linux-gnu'],
    /^build-release: unknown target mips-unknown-linux-gnu; there are x86_64-unknown-linux-gnu, /,
  ],
  'an unknown option': ['build-release.js', ['--fast'], /^build-release: Unknown option '--fast'/],
  'a release put nowhere': ['stage.js', [], /^stage: ralloc is published from a staged copy: /],
  'a release put into a folder in use': ['stage.js', ['--output', '.'], /^stage: .* is not empty/],
  'nothing to publish': ['publish.js', [], /^publish: usage: /],
  'a folder to publish that was not staged': ['publish.js', ['absent'], /^publish: ENOENT/],
};

for (const [what, [script, args, message]] of Object.entries(WRONG)) {
  test(`${script} refuses ${what}`, async (t) => {
    const folder = temporary();
    t.teardown(() => fs.rmSync(folder, { recursive: true }));
    fs.writeFileSync(join(folder, 'something'), '');
    const program = join(root, 'scripts', 'release', script);
    const { code, stdout, stderr } = await execute(process.execPath, [program, ...args], {
      cwd: folder,
    });
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.deepEqual(fs.readdirSync(folder), ['something']);
  });
}

test('stage.js refuses a release that lacks a binary, and names it', async (t) => {
  const folder = temporary();
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(join(folder, 'ralloc.linux-x64-gnu.node'), '');
  const args = ['--binaries', folder, '--output', join(folder, 'staged')];
  const program = join(root, 'scripts', 'release', 'stage.js');
  const { code, stderr } = await execute(process.execPath, [program, ...args], { cwd: folder });
  t.is(code, 1);
  t.regex(stderr, /Missing artifacts/);
  t.regex(stderr, /ralloc\.darwin-arm64\.node/);
  t.notRegex(stderr, /ralloc\.linux-x64-gnu\.node/);
});
