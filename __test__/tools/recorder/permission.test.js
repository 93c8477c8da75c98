'use strict';
// tier: tools

// `ralloc profile` of a process that Node's permission model keeps from ralloc's files.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { foldersOf } = require('../../../tools/cli/application.js');
const { ralloc } = require('../../helpers/profile.js');

const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
const ROOT = join(__dirname, '..', '..', '..');
const app = fixturePath('tools/recorder/echo.js');

/** echo.js with `flags`, where FILE is the profile; without coverage, which may not be written. */
async function restricted(t, flags) {
  const file = join(folder(t), 'a.jsonl');
  const given = flags.map((flag) => flag.replace('FILE', file));
  const ended = await ralloc(
    ['profile', '-o', file, '--', process.execPath, PERMISSION, ...given, app],
    { env: { NODE_V8_COVERAGE: '' } },
  );
  return { ...ended, file, isThere: fs.existsSync(file) };
}

const advice = (file) =>
  `ralloc: Nothing was recorded: --permission keeps ralloc from it. Add --allow-fs-read=${ROOT} --allow-fs-write=${file} --allow-addons\n`;

test('one that may not read ralloc: what to add, and a failure', async (t) => {
  const { code, stderr, file, isThere } = await restricted(t, [`--allow-fs-read=${app}`]);
  t.is(code, 1);
  t.true(stderr.endsWith(advice(file)), stderr);
  t.false(isThere);
});

test('one that may not write the profile: the application runs, and ralloc says what to add, by exit code 1', async (t) => {
  const { code, result, stderr, file, isThere } = await restricted(t, [`--allow-fs-read=${ROOT}`]);
  t.is(code, 1);
  t.deepEqual(result.args, []);
  t.true(stderr.includes(`Start it with --allow-fs-write=${file}`), stderr);
  t.true(stderr.endsWith(advice(file)), stderr);
  t.false(isThere);
});

for (const [title, flags] of [
  ['may do both', []],
  ['may load binaries too', ['--allow-addons']],
]) {
  test(`one that ${title} is recorded, without a word of a fallback`, async (t) => {
    const may = [`--allow-fs-read=${ROOT}`, '--allow-fs-write=FILE', ...flags];
    const { code, result, stderr } = await restricted(t, may);
    t.is(code, 0, stderr);
    t.deepEqual(result.args, []);
    t.regex(stderr, /Recorded one thread/);
    t.notRegex(stderr, /RALLOC_/);
  });
}

test('the folder of the binary is named where there is one', (t) => {
  const parent = folder(t);
  const root = join(parent, 'ralloc');
  t.deepEqual(foldersOf(root), [root]);
  const beside = join(parent, '@ralloc');
  fs.mkdirSync(beside);
  t.deepEqual(foldersOf(root), [root, beside]);
});
