'use strict';
// tier: tools

// `ralloc`: which verb runs, what is printed where, and the exit codes.

const test = require('ava');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { UsageError, print } = require('../../../tools/cli/print.js');
const { version } = require('../../../package.json');
const { called, calledIn } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { bin, ralloc } = require('../../helpers/profile.js');
const { serviceFile } = require('../../helpers/service.js');

const verb = (run, more) => () => ({
  summary: 'a verb',
  usage: 'Usage: ralloc VERB',
  run,
  ...more,
});
const throwing = (error) =>
  verb(async () => {
    throw error;
  });

/** A verb that prints what it is given. */
const printing = (usage, more) =>
  verb(
    (...given) => {
      print(JSON.stringify(given));
      return 0;
    },
    { usage, ...more },
  );

const VERBS = {
  echo: printing('Usage: ralloc echo\n\n  -o, --output FILE  a file', { startsApplication: true }),
  options: printing(`Usage: ralloc options FILE

  -o, --output FILE   where to
      --name NAME     may be given several times
  -a, --all           all of them
      --no-more       EVERYTHING else

Example: ralloc options --example a`),
  seven: verb(async () => 7),
  misuse: throwing(new UsageError('Give a file')),
  refuse: throwing(Object.assign(new Error('x.prof is no profile'), { code: 'ERR_RALLOC_ANY' })),
  bug: throwing(new TypeError('a bug')),
};
const verbs = (...args) => called(args, VERBS);

for (const args of [['help'], ['--help'], ['-h'], ['help', 'help']]) {
  test(`ralloc ${args} lists the verbs`, async (t) => {
    const { code, stdout, stderr } = await called(args);
    t.is(code, 0);
    t.true(stdout.startsWith(`ralloc ${version}\n`));
    t.true(stdout.split('\n').every((line) => line.length <= 80));
    t.is(stderr, '');
  });
}

test('without a verb the help goes to standard error, and the exit code is 2', async (t) => {
  const { code, stdout, stderr } = await ralloc([]);
  t.is(code, 2);
  t.is(stdout, '');
  t.regex(stderr, /Usage: ralloc VERB/);
});

test('ralloc --version', async (t) => {
  const { code, stdout } = await ralloc(['--version']);
  t.is(code, 0);
  t.is(stdout, `${version}\n`);
});

test('an unknown verb: exit code 2, with the nearest one', async (t) => {
  const { code, stderr } = await verbs('ecko');
  t.is(code, 2);
  t.is(stderr, 'ralloc: There is no verb "ecko". Did you mean "ralloc echo"?\n');
  for (const none of ['constructor', 'eo', 'xho']) {
    const { stderr: unlike } = await verbs(none);
    t.is(unlike, `ralloc: There is no verb "${none}". See: ralloc help\n`);
  }
  t.regex((await called(['foo'])).stderr, /"foo"\. See: ralloc help$/m);
  t.regex((await called(['hlep'])).stderr, /Did you mean "ralloc help"\?$/m);
});

test('the help of each verb has 80 columns, and the exit codes', async (t) => {
  const { stdout } = await called(['help']);
  const names = Array.from(stdout.matchAll(/^ {2}(\w+) /gm), ([, name]) => name);
  t.true(names.length > 10);
  for (const name of names) {
    const { stdout: usage } = await called(['help', name]);
    const long = usage.split('\n').filter((line) => line.length > 80);
    t.deepEqual(long, []);
    t.regex(usage, /\n\nExit codes: .*[12]/s, name);
  }
});

test('a verb gets what stands behind it, and its exit code is that of ralloc', async (t) => {
  const { code, stdout } = await verbs('echo', '-o', 'a file', '--', 'node', '--help');
  t.is(code, 0);
  t.deepEqual(JSON.parse(stdout), [{ output: 'a file' }, ['node', '--help']]);
  t.is((await verbs('seven')).code, 7);
});

test('the usage of a verb declares its options', async (t) => {
  const { stdout } = await verbs('options', '-oa', '--name', 'b', '--name=c', '-a', 'file');
  const values = { output: 'a', name: ['b', 'c'], all: true, 'no-more': false };
  t.deepEqual(JSON.parse(stdout), [values, ['file']]);
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

test('an error of the system is told in words, with its path', async (t) => {
  const system = throwing(Object.assign(new Error('ENOENT: x'), { code: 'ENOENT', path: 'a/b' }));
  const { code, stderr } = await called(['system'], { system });
  t.is(code, 1);
  t.is(stderr, 'ralloc: a/b: there is no such file\n');
});

test('any other error is shown with its stack', async (t) => {
  const { code, stderr } = await verbs('bug');
  t.is(code, 1);
  t.regex(stderr, /^ralloc: TypeError: a bug\n {4}at .*cli\.test\.js/);
});

test('a reader that closes the pipe early ends ralloc without a complaint', async (t) => {
  const profile = path.join(folder(t), 'a.jsonl');
  fs.writeFileSync(profile, serviceFile({ seconds: 20 })); // of which the JSON is more than a pipe takes
  const child = spawn(process.execPath, [bin, 'report', '--json', profile]);
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  t.is(code, 0);
  t.is(errors, '');
});

for (const [wrong, message] of [
  ['profile', 'Write "--" before the application: ralloc profile -- node app.js'],
  ['profile node a.js', 'Write "--" before the application: ralloc profile -- node a.js'],
  ['profile --', 'Write an application behind "--": node app.js'],
  ['profile -o', "Option '-o, --output <value>' argument missing"],
  ['profile --nothing -- node', "Unknown option '--nothing'"],
  [
    'profile --budget 0 -- node',
    '--budget must be > 0 and <= 100, percent of a core. Received "0"',
  ],
  [
    'profile --budget x -- node',
    '--budget must be > 0 and <= 100, percent of a core. Received "x"',
  ],
  [
    'profile --rate 1t -- node',
    '--rate must be a number of bytes, such as 65536 or 64k. Received "1t"',
  ],
  [
    'profile --max-bytes 1m -- node',
    '--max-bytes must be a number of bytes from 16m on, such as 1g. Received "1m"',
  ],
  [
    'profile --snapshot-above 0 -- node',
    '--snapshot-above must be a number of bytes, such as 512m. Received "0"',
  ],
  [
    'profile --snapshot-signal SIGKILL -- node',
    'The value of "--snapshot-signal" is out of range. It must be one of \'SIG',
  ],
  ['run app.js', 'Write "--" before the application: ralloc run -- app.js'],
  ['run --auto no-file -- node', "Unknown option '--auto'"],
  ['compare', 'Write "--" before the application: ralloc compare -- node app.js'],
  ['compare --', 'Write an application behind "--": node app.js'],
  [
    'compare -- node a.js',
    "Give a load, such as: ralloc compare --load 'npx autocannon -d 10 {url}' --",
  ],
  ['compare --load x --minutes 0 -- node', '--minutes must be a number of minutes, up to 1440'],
  [
    'compare --load x --with run,jemaloc -- node',
    '--with: there is no variant "jemaloc". Did you mean "jemalloc"?',
  ],
  ['compare --load x --with table -- node', '--with: the variant "table" needs --table FILE'],
  ['merge a.jsonl', 'Say where to write: -o FILE'],
  ['merge -o out', 'Give the profiles to merge'],
  ['merge -o out --wrong a.jsonl', "Unknown option '--wrong'"],
  ['report', 'Give the profile to report: ralloc report FILE'],
  ['report a b c', 'Give one profile, or two: before and after. "ralloc merge" makes one of many'],
  ['report a --fast', "Unknown option '--fast'"],
  ['bake', 'Give a profile'],
  ['bake -o', "Option '-o, --output <value>' argument missing"],
  ['bake --k 3 a.jsonl', "Unknown option '--k'"],
  ['apply --otput', "Unknown option '--otput'"],
  ['apply -t', "Option '-t, --table <value>' argument missing"],
  ['holders', 'Give a heap snapshot, or an earlier one before it'],
  ['holders a.heapsnapshot a.heapsnapshot a.heapsnapshot', 'Give a heap snapshot, or an earlier'],
  ['holders a.heapsnapshot a.jsonl a.jsonl', 'Give a heap snapshot, or an earlier one before it'],
  ['top', 'Give the address of a server'],
  ['top -i 0 localhost:3000', '--interval must be 0.1 to 3600 seconds, not 0'],
  ['top --often localhost:3000', "Unknown option '--often'"],
  ['doctor a:1 b:1', 'Give one address at most'],
]) {
  test(`wrong arguments: ralloc ${wrong}`, async (t) => {
    const cwd = folder(t);
    const args = wrong.split(' ');
    const { code, stdout, stderr } = await calledIn(cwd, args);
    t.is(code, 2);
    t.is(stdout, '');
    t.true(stderr.startsWith(`ralloc: ${message}`), stderr);
    t.true(stderr.endsWith(`See: ralloc help ${args[0]}\n`), stderr);
    t.deepEqual(fs.readdirSync(cwd), []);
  });
}
