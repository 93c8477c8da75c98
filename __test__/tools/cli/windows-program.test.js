'use strict';
// tier: tools

// What `ralloc profile -- npm start` starts on Windows.

const test = require('ava');
const { onWindows } = require('../../../tools/cli/application.js');

const env = {
  Path: 'C:\\Program Files\\nodejs;D:\\tools',
  PATHEXT: '.EXE;.CMD',
  ComSpec: 'C:\\Windows\\cmd.exe',
};

const on =
  (...files) =>
  (file) =>
    files.includes(file);

/** The command line that cmd.exe is given. */
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
});

test('without PATHEXT and COMSPEC, Windows has some of its own', (t) => {
  const { program } = onWindows('npm', [], {}, on('npm.CMD'));
  t.is(program, 'cmd.exe');
});

for (const [arg, written] of [
  ['', '^"^"'],
  ['a b', '^"a^ b^"'],
  ['100%', '^"100^%^"'],
  ['a&b|c>d', '^"a^&b^|c^>d^"'],
  ['C:\\folder\\', '^"C:\\folder\\\\^"'],
  ['say "x"', '^^^"say^^^ \\^^^"x\\^^^"^^^"'],
  ['\\"', '^^^"\\\\\\^^^"^^^"'],
]) {
  test(`an argument of a batch file: ${arg || 'empty'}`, (t) => {
    t.is(lineOf(t, 'a.cmd', [arg], 'a.cmd'), `"^"a.cmd^" ${written}"`);
  });
}
