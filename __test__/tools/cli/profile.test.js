'use strict';
// tier: tools

// `ralloc profile`: what it is given, what it says, and that nothing of the application's comes to harm.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { join } = require('node:path');
const { Profile } = require('../../../tools/recorder/profile.js');
const { posixTest } = require('../../helpers/backend.js');
const { folder } = require('../../helpers/folder.js');
const { fixturePath } = require('../../helpers/child.js');
const { needsNpm } = require('../../helpers/needs.js');
const { profiled, ralloc } = require('../../helpers/profile.js');

const NODE = [process.execPath, fixturePath('tools/recorder/echo.js')];

test('without -o the file is in the current folder, named by the time', async (t) => {
  const cwd = folder(t);
  const { code, stderr } = await ralloc(['profile', '--', ...NODE], { cwd });
  t.is(code, 0);
  const [file, ...others] = fs.readdirSync(cwd);
  t.regex(file, /^ralloc-20\d{6}-\d{6}-\d+\.jsonl$/);
  t.deepEqual(others, []);
  t.is(Profile.read(join(cwd, file)).recorders.length, 1);
  t.true(stderr.startsWith(`ralloc: Recorded one thread in ${file} (`), stderr);
  t.true(stderr.endsWith(`To see it: npx ralloc report ${file}\n`), stderr);
});

posixTest('a folder with spaces, quotes and backslashes may have ralloc', async (t) => {
  const dir = join(folder(t), 'it\'s "a" \\ folder');
  fs.mkdirSync(dir);
  fs.symlinkSync(join(__dirname, '..', '..', '..'), join(dir, 'ralloc'));
  const file = join(dir, 'a.jsonl');
  const env = { NODE_PRESERVE_SYMLINKS: '1', NODE_PRESERVE_SYMLINKS_MAIN: '1' };
  const { code, result, stderr } = await ralloc(['profile', '-o', file, '--', ...NODE], {
    path: join(dir, 'ralloc', 'bin', 'ralloc.js'),
    env,
  });
  t.is(code, 0, stderr);
  t.deepEqual(result.execArgv, []);
  t.is(Profile.read(file).recorders.length, 1);
});

test('options reach every recorder, and arguments the application', async (t) => {
  const { result } = await profiled(t, 'echo.js', {
    args: ['a b', '--help', '-o'],
    options: ['--budget', '1.5%', '--rate', '64k', '--max-bytes', '1g', '--typed-arrays'],
    env: { RALLOC_PROFILE_FILE: '/nowhere', RALLOC_PROFILE_RATE: '1' },
  });
  t.deepEqual(result.args, ['a b', '--help', '-o']);
  t.is(result.variables.RALLOC_PROFILE_BUDGET, '1.5');
  t.is(result.variables.RALLOC_PROFILE_RATE, '65536');
  t.is(result.variables.RALLOC_PROFILE_MAX_BYTES, `${2 ** 30}`);
  t.is(result.variables.RALLOC_PROFILE_TYPED_ARRAYS, '1');
});

test('NODE_OPTIONS of the user hold too, and no options of a recording around it', async (t) => {
  const env = { NODE_OPTIONS: '--stack-trace-limit=7', RALLOC_PROFILE_TYPED_ARRAYS: '1' };
  const { result } = await profiled(t, 'echo.js', { env });
  t.is(result.frames, 7);
  t.is(result.variables.RALLOC_PROFILE_TYPED_ARRAYS, undefined);
});

needsNpm('npm is not recorded, and what it starts is', async (t) => {
  const cwd = folder(t);
  const scripts = { start: `node "${NODE[1]}"` };
  fs.writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts }));
  const file = join(cwd, 'a.jsonl');
  const { code, stderr } = await ralloc(['profile', '-o', file, '--', 'npm', 'start'], { cwd });
  t.is(code, 0, stderr);
  const { recorders } = Profile.read(file);
  t.deepEqual(
    recorders.map(({ title }) => title),
    [NODE[1]],
  );
});

for (const [what, output, message] of [
  [
    'in a folder that is not there',
    (dir) => join(dir, 'none', 'a.jsonl'),
    /a\.jsonl: its folder is not there/,
  ],
  ['which is a folder', (dir) => dir, /: it is a folder\. /],
  ['which is another file', (dir) => join(dir, 'app.js'), /app\.js exists and is no profile/],
]) {
  test(`a file to write ${what}: a message and exit code 1, and the application is not started`, async (t) => {
    const dir = folder(t);
    fs.writeFileSync(join(dir, 'app.js'), 'x');
    const { code, stdout, stderr } = await ralloc(['profile', '-o', output(dir), '--', ...NODE]);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.true(stderr.startsWith('ralloc: '));
    t.deepEqual(fs.readdirSync(dir), ['app.js']);
    t.is(fs.readFileSync(join(dir, 'app.js'), 'utf8'), 'x');
  });
}

test('a named pipe is refused at once: a profile is read again', async (t) => {
  const cwd = folder(t);
  if (process.platform === 'win32') return t.pass();
  execFileSync('mkfifo', [join(cwd, 'pipe')]);
  const { code, stdout, stderr } = await ralloc(['profile', '-o', 'pipe', '--', ...NODE], { cwd });
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^ralloc: The profile cannot be written to .*pipe: it is not a regular file/);
});

test('a full disk: the application ends as it would, and ralloc says what to do, by exit code 1', async (t) => {
  if (!fs.existsSync('/dev/full')) return t.pass();
  const ran = (args) => ralloc(['profile', '-o', '/dev/full', '--', ...NODE, ...args]);
  const { code, result, stderr } = await ran([]);
  t.is(code, 1);
  t.deepEqual(result.args, []);
  t.regex(stderr, /RALLOC_PROFILE_STOPPED.*the application goes on without it.*\/dev\/full/);
  t.regex(
    stderr,
    /ralloc: \/dev\/full is not whole: a recorder could not go on \(ENOSPC\)\. Free space/,
  );
  t.is((await ran(['fail'])).code, 9);
});

test('a program that is no Node program, and one that is not there', async (t) => {
  const cwd = folder(t);
  const program = process.platform === 'win32' ? ['cmd', '/c', 'exit'] : ['true'];
  const foreign = await ralloc(['profile', '--', ...program], { cwd });
  t.is(foreign.code, 1);
  t.regex(foreign.stderr, /^ralloc: Nothing was recorded: the command started no Node process/);
  const none = await ralloc(['profile', '--', 'app.js'], { cwd });
  t.is(none.code, 127);
  t.regex(none.stderr, /^ralloc: Cannot start "app\.js": there is no such program/);
  t.deepEqual(fs.readdirSync(cwd), [], 'no empty profile is left');
});

// Node's permission model may keep ralloc from its files.

const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
const ROOT = join(__dirname, '..', '..', '..');

/** echo.js with `flags`, where FILE is the profile; without coverage, which may not be written. */
async function restricted(t, flags) {
  const file = join(folder(t), 'a.jsonl');
  const given = flags.map((flag) => flag.replace('FILE', file));
  const ended = await ralloc(
    ['profile', '-o', file, '--', process.execPath, PERMISSION, ...given, ...NODE.slice(1)],
    { env: { NODE_V8_COVERAGE: '' } },
  );
  return { ...ended, file, isThere: fs.existsSync(file) };
}

const advice = (file) =>
  `ralloc: Nothing was recorded: --permission keeps ralloc from it. Add --allow-fs-read=${ROOT} --allow-fs-write=${file} --allow-addons\n`;

test('one that may not read ralloc: what to add, and a failure', async (t) => {
  const { code, stderr, file, isThere } = await restricted(t, [`--allow-fs-read=${NODE[1]}`]);
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
