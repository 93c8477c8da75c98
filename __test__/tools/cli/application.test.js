'use strict';
// tier: tools

// An application that a verb starts: the signals that its launcher gets, and what `ralloc profile -- npm start` starts on Windows.

const { serial: test } = require('ava');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const tty = require('node:tty');
const { foldersOf, startApplication } = require('../../../tools/cli/application.js');
const { fileOf, onWindows } = require('../../../tools/cli/program.js');
const { posixTest, testWhere } = require('../../helpers/backend.js');
const { writtenBy } = require('../../helpers/cli.js');
const { fixturePath, isAlive } = require('../../helpers/child.js');
const { Clock } = require('../../helpers/clock.js');
const { folder } = require('../../helpers/folder.js');
const { until } = require('../../helpers/until.js');

const ANSWERS = fixturePath('tools/cli/answers.js');
const PRELOAD = require.resolve('../../../lib/base/version.js'); // which does nothing

const signalTest = (title, body) => posixTest(title, body, test);

/** One that hears SIGTERM and goes on, with a launcher in this process: `term()` is a SIGTERM to it, and done when the application has heard it. `starter`: what starts it. */
async function launched(t, args = [], starter = []) {
  const clock = new Clock();
  const file = path.join(folder(t), 'heard');
  const heard = (count) =>
    until(() => fs.existsSync(file) && fs.readFileSync(file, 'latin1').startsWith(`${count} `));
  const before = process.listeners('SIGTERM');
  const program = fixturePath('tools/cli/ignores-term.js');
  const command = [...starter, process.execPath, program, file, ...args];
  const ended = writtenBy(
    () => startApplication(command, process.env, { verb: 'profile', preload: PRELOAD }).ended,
  );
  const [pass] = process.listeners('SIGTERM').filter((one) => !before.includes(one));
  await heard(0);
  const pid = Number(fs.readFileSync(file, 'latin1').split(' ')[1]);
  let isOver = false;
  ended.then(() => {
    isOver = true;
  });
  t.teardown(() => isOver || process.kill(pid, 'SIGKILL'));
  let terms = 0;
  const term = () => {
    clock.use(() => pass('SIGTERM'));
    return heard(++terms);
  };
  return { clock, ended, pid, term };
}

signalTest('an application that SIGTERM does not end gets SIGKILL, and that is said', async (t) => {
  const { clock, ended, term } = await launched(t);
  await term();
  clock.pass(14_000);
  await term(); // a second one does not put it off
  const { stderr } = await writtenBy(() => clock.pass(1000));
  t.is(stderr, 'ralloc: SIGTERM has not ended the application within 15 s: it gets SIGKILL\n');
  t.is((await ended).result.code, 128 + 9);
});

signalTest('one that ends in time keeps its exit code, and nothing is said', async (t) => {
  const { clock, ended, term } = await launched(t, ['2']);
  await term();
  const { stderr } = await writtenBy(() => clock.pass(14_999));
  await Promise.all([term(), ended]);
  const { result } = await ended;
  t.is(result.code, 3);
  t.is(stderr, '');
});

/** A shell that ends by SIGTERM, and does not pass it on. */
const SHELL = ['sh', '-c', '"$@"; exit', 'sh'];

/** With a terminal, its keys reach all processes. */
const groupTest = (title, body) =>
  testWhere(
    process.platform !== 'win32' && !tty.isatty(0),
    'POSIX, and standard input that is no terminal',
    title,
    body,
    test,
  );

groupTest('signals reach what a shell has started, and its end is awaited', async (t) => {
  const { ended, term } = await launched(t, ['2'], SHELL);
  await term();
  await Promise.all([term(), ended]);
  t.is((await ended).result.code, 128 + 15);
});

groupTest('so does SIGKILL, after the end of the shell', async (t) => {
  const { clock, ended, term, pid } = await launched(t, [], SHELL);
  await term();
  const { stderr } = await writtenBy(() => clock.pass(15_000));
  t.regex(stderr, /it gets SIGKILL\n$/);
  await ended;
  await until(() => !isAlive(pid));
});

test('a channel that cannot be passed on: its messages are, both ways, and its end', async (t) => {
  const options = { serialization: 'advanced' };
  const child = fork(fixturePath('tools/cli/relays.js'), [ANSWERS], options);
  const told = [];
  child.on('message', (message) => told.push(message) === 2 && child.disconnect());
  child.send(new Map([[1, 2n]]));
  t.deepEqual(await once(child, 'exit'), [0, null]);
  t.deepEqual(told, ['ready', new Map([[1, 2n]])]);
});

posixTest('a folder of PATH that cannot be searched has no program', (t) => {
  const loop = path.join(folder(t), 'loop');
  fs.symlinkSync(loop, loop);
  const error = t.throws(() => fileOf('nowhere-at-all', { PATH: loop }, 'run'), { code: 'ENOENT' });
  t.is(error.message, 'Cannot start "nowhere-at-all": there is no such program in PATH');
  t.is(error.exitCode, 127);
});

test('the folder of the binary is named where there is one', (t) => {
  const parent = folder(t);
  const [root, beside] = ['ralloc', '@ralloc'].map((name) => path.join(parent, name));
  t.deepEqual(foldersOf(root), [root]);
  fs.mkdirSync(beside);
  t.deepEqual(foldersOf(root), [root, beside]);
});

/** Windows as cmd.exe tells it to programs. */
const env = {
  Path: 'C:\\Program Files\\nodejs;D:\\tools',
  PATHEXT: '.EXE;.CMD',
  ComSpec: 'C:\\Windows\\cmd.exe',
};

const on =
  (...files) =>
  (file) =>
    files.includes(file);

function lineOf(t, program, args, ...files) {
  const { program: shell, args: of, options } = onWindows(program, args, env, on(...files));
  t.is(shell, env.ComSpec);
  t.deepEqual(of.slice(0, -1), ['/d', '/s', '/c']);
  t.true(options.windowsVerbatimArguments);
  return of.at(-1);
}

test('a program is started as it is named', (t) => {
  for (const [program, ...files] of [
    ['node', 'C:\\Program Files\\nodejs\\node.EXE'],
    ['node', 'C:\\Program Files\\nodejs\\node.EXE', 'D:\\tools\\node.CMD'],
    ['node.exe', 'D:\\tools\\node.exe'],
    ['C:\\a b\\tool', 'C:\\a b\\tool.EXE'],
    ['nowhere'],
  ]) {
    const given = onWindows(program, ['a b', '"'], env, on(...files));
    t.deepEqual(given, { program, args: ['a b', '"'], options: {} });
  }
});

test('a batch file of PATH, of the current folder, or with its path is run by cmd.exe', (t) => {
  const npm = 'C:\\Program Files\\nodejs\\npm.CMD';
  t.is(lineOf(t, 'npm', ['start'], npm), '"^"C:\\Program^ Files\\nodejs\\npm.CMD^" ^"start^""');
  t.is(lineOf(t, 'npm', [], npm, 'npm.CMD'), '"^"npm.CMD^""');
  t.is(lineOf(t, 'npm.cmd', [], 'D:\\tools\\npm.cmd'), '"^"D:\\tools\\npm.cmd^""');
  t.is(lineOf(t, 'bin/run', [], 'bin\\run.CMD'), '"^"bin\\run.CMD^""');
  t.is(onWindows('npm', [], {}, on('npm.CMD')).program, 'cmd.exe', 'without PATHEXT and COMSPEC');
});

test('an argument of a batch file is quoted for cmd.exe and for the program', (t) => {
  for (const [arg, written] of [
    ['', '^"^"'],
    ['a b', '^"a^ b^"'],
    ['100%', '^"100^%^"'],
    ['a&b|c>d', '^"a^&b^|c^>d^"'],
    ['C:\\folder\\', '^"C:\\folder\\\\^"'],
    ['say "x"', '^^^"say^^^ \\^^^"x\\^^^"^^^"'],
    ['\\"', '^^^"\\\\\\^^^"^^^"'],
  ]) {
    t.is(lineOf(t, 'a.cmd', [arg], 'a.cmd'), `"^"a.cmd^" ${written}"`);
  }
});
