'use strict';
// tier: tools

// What the programs of a release say when they are used wrongly: one line, and nothing is written.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { execute } = require('../helpers/package/npm.js');
const {
  repository,
  root,
  runStage,
  temporary,
  writeBinaries,
} = require('../helpers/package/release.js');
const { fitBinaries } = require('../helpers/package/binaries.js');

const WRONG = {
  'a target that ralloc is not built for': [
    'build-release.js',
    ['mips-unknown-linux-gnu'],
    /^build-release: unknown target mips-unknown-linux-gnu; there are x86_64-unknown-linux-gnu, /,
  ],
  'an unknown option': ['build-release.js', ['--fast'], /^build-release: Unknown option '--fast'/],
  'a release put nowhere': ['stage.js', [], /^stage: ralloc is published from a staged copy: /],
  'a release put into a folder in use': [
    'stage.js',
    ['--output', '.', '--repository', repository],
    /^stage: .* is not empty/,
  ],
  'a release of no repository': [
    'stage.js',
    ['--output', 'staged', '--repository', 'ralloc'],
    /^stage: ralloc is no repository: https:\/\/github\.com\/OWNER\/NAME is one/,
  ],
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

test('build-release.js without zig stops at once, and says what installs it', (t) => {
  const script = join(root, 'scripts', 'release', 'get-zig.js');
  const { zigProblem } = require(script);
  const empty = temporary();
  t.teardown(() => fs.rmSync(empty, { recursive: true }));
  const tools = join(empty, 'tools');
  const how = '; node scripts/release/get-zig.js installs them';
  t.is(zigProblem({ PATH: empty }, tools), `there is no cargo-zigbuild and no zig${how}`);
  const program = (name) => join(empty, process.platform === 'win32' ? `${name}.exe` : name);
  for (const name of ['cargo-zigbuild', 'zig']) fs.writeFileSync(program(name), '');
  t.is(zigProblem({ PATH: empty }, tools), undefined);
  fs.rmSync(program('zig'));
  t.is(zigProblem({ PATH: empty }, tools), `there is no zig${how}`);
});

const whole = fitBinaries();
const other = whole['ralloc.linux-arm64-gnu.node'];

const UNFIT = {
  'that is missing': [undefined, /^stage: Missing artifacts in .*: ralloc\.linux-x64-gnu\.node\n$/],
  'that is empty': [Buffer.alloc(0), /: ralloc\.linux-x64-gnu\.node\n$/],
  'that is text': [Buffer.from('not found'), /: ralloc\.linux-x64-gnu\.node\n$/],
  'of another platform': [other, /: ralloc\.linux-x64-gnu\.node\n$/],
};

for (const [what, [bytes, message]] of Object.entries(UNFIT)) {
  test(`stage.js refuses a binary ${what}, and leaves nothing`, async (t) => {
    const folder = temporary();
    t.teardown(() => fs.rmSync(folder, { recursive: true }));
    const binaries = join(folder, 'binaries');
    writeBinaries(binaries, { 'ralloc.linux-x64-gnu.node': bytes });
    const { code, stderr } = await runStage(binaries, join(folder, 'staged'));
    t.is(code, 1);
    t.regex(stderr, message);
    t.notRegex(stderr, /darwin|musl|win32/);
    t.deepEqual(fs.readdirSync(folder), ['binaries']);
  });
}

test('stage.js leaves nothing half-done when it cannot go on', async (t) => {
  const folder = temporary();
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  const binaries = join(folder, 'binaries');
  writeBinaries(binaries);
  const ends = `const fs = require('node:fs');
    const { copyFileSync } = fs;
    fs.copyFileSync = (from, to) => {
      if (from.endsWith('.node')) throw new Error('no space left on device');
      copyFileSync(from, to);
    };`;
  fs.writeFileSync(join(folder, 'full.js'), ends);
  const program = join(root, 'scripts', 'release', 'stage.js');
  const args = [
    '--binaries',
    binaries,
    '--output',
    join(folder, 'staged'),
    '--repository',
    repository,
  ];
  const { code, stderr } = await execute(
    process.execPath,
    ['--require', join(folder, 'full.js'), program, ...args],
    { cwd: folder },
  );
  t.is(code, 1);
  t.is(stderr, 'stage: no space left on device\n');
  t.deepEqual(fs.readdirSync(folder).sort(), ['binaries', 'full.js']);
});
