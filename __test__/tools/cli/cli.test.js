'use strict';
// tier: tools

// `ralloc`: which verb runs, what is printed where, and the exit codes.

const test = require('ava');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { run, fixturePath } = require('../../helpers/child.js');
const { version } = require('../../../package.json');

const root = join(__dirname, '..', '..', '..');
const ralloc = (...args) => run('', { path: join(root, 'bin', 'ralloc.js'), args });
const verbs = (...args) => run('tools/cli/verbs.js', { args });

for (const args of [['help'], ['--help'], ['-h']]) {
  test(`ralloc ${args} lists the verbs`, async (t) => {
    const { code, stdout, stderr } = await ralloc(...args);
    t.is(code, 0);
    t.true(stdout.startsWith(`ralloc ${version}\n`));
    t.is(stderr, '');
  });
}

test('without a verb the help goes to standard error, and the exit code is 2', async (t) => {
  const { code, stdout, stderr } = await ralloc();
  t.is(code, 2);
  t.is(stdout, '');
  t.regex(stderr, /Usage: ralloc VERB/);
});

test('ralloc --version', async (t) => {
  const { code, stdout } = await ralloc('--version');
  t.is(code, 0);
  t.is(stdout, `${version}\n`);
});

test('an unknown verb: exit code 2, with the nearest one', async (t) => {
  const { code, stderr } = await verbs('ecko');
  t.is(code, 2);
  t.is(stderr, 'ralloc: There is no verb "ecko". Did you mean "ralloc echo"?\n');
  t.is(
    (await verbs('constructor')).stderr.trim(),
    'ralloc: There is no verb "constructor". See: ralloc help',
  );
});

test('a verb gets what stands behind it, and its exit code is that of ralloc', async (t) => {
  const { code, result } = await verbs('echo', '-o', 'a file', '--', 'node', '--help');
  t.is(code, 0);
  t.deepEqual(result, [{ output: 'a file' }, ['node', '--help']]);
  t.is((await verbs('seven')).code, 7);
});

test('the usage of a verb declares its options', async (t) => {
  const { result } = await verbs('options', '-oa', '--name', 'b', '--name=c', '-a', 'file');
  t.deepEqual(result, { output: 'a', name: ['b', 'c'], all: true, 'no-more': false });
  for (const wrong of ['--example', '--all=b', '-o']) {
    const { code, stderr } = await verbs('options', wrong);
    t.is(code, 2);
    t.regex(stderr, /^ralloc: .*option.*\n[\s\S]*See: ralloc help options\n$/i);
  }
});

for (const args of [
  ['help', 'bug'],
  ['bug', '--help'],
  ['bug', 'file', '-h', '--', 'node'],
]) {
  test(`ralloc ${args.join(' ')} tells the verb's usage`, async (t) => {
    const { code, stdout } = await verbs(...args);
    t.is(code, 0);
    t.is(stdout, 'Usage: ralloc VERB\n');
  });
}

test('wrong arguments: exit code 2, the message, and where help is', async (t) => {
  const { code, stdout, stderr } = await verbs('misuse');
  t.is(code, 2);
  t.is(stdout, '');
  t.is(stderr, 'ralloc: Give a file\nSee: ralloc help misuse\n');
});

test('an error with a code: exit code 1 and the message alone', async (t) => {
  const { code, stderr } = await verbs('refuse');
  t.is(code, 1);
  t.is(stderr, 'ralloc: x.prof is no profile\n');
});

test('any other error is shown with its stack', async (t) => {
  const { code, stderr } = await verbs('bug');
  t.is(code, 1);
  t.regex(stderr, /^ralloc: TypeError: a bug\n {4}at .*verbs\.js/);
});

test('a reader that closes the pipe early ends ralloc without a complaint', async (t) => {
  const child = spawn(process.execPath, [fixturePath('tools/cli/verbs.js'), 'long']);
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close');
  t.is(code, 0);
  t.is(errors, '');
});
