'use strict';
// tier: tools, long

// What runs the tests, over small folders of tests that pass, fail, fail once, end by a signal or never end: scripts/test.js, and scripts/platforms.js for
// platforms that this machine runs itself; how a tool of another platform is brought; what .ci/run says of wrong arguments, and counts.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { posixTest } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');
const { needsGit } = require('../helpers/needs.js');
const { execute } = require('../helpers/package/npm.js');
const { writeFiles } = require('../helpers/planned.js');
const brought = require('../../scripts/lib/brought.js');
const { listFiles, readFile } = require('../../scripts/lib/files.js');

const ROOT = path.join(__dirname, '..', '..');
const repositoryTest = (title, body) => needsGit(title, body, test.serial);
const HEAD = "// tier: run-time\nconst test = require('ava');\n";
const fileOf = (name) => `__test__/${name}.test.js`;

/** Runs a script over the tests `sources`, by `room/name`, with other files: { code, lines } of stdout, stderr, and the folder. */
async function runOver(t, script, args, sources, { env = {}, files = {} } = {}) {
  const dir = folder(t);
  const tests = Object.entries(sources).map(([name, source]) => [
    fileOf(name),
    `${HEAD}${source.replaceAll('DIR', JSON.stringify(dir))}\n`,
  ]);
  const config = pathToFileURL(path.join(ROOT, 'ava.config.mjs'));
  writeFiles(dir, {
    ...{ 'package.json': '{}', '.gitignore': 'node_modules\n' },
    'ava.config.mjs': `export { default } from '${config}';\n`,
    // which ava.config.mjs names
    ...{ '__test__/helpers/audited.js': '', '__test__/helpers/covered.js': '' },
    ...Object.fromEntries(tests),
    ...files,
  });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(dir, 'node_modules'), 'junction');
  spawnSync('git', ['init', '-q'], { cwd: dir });
  const { RALLOC_SEED, RALLOC_BUDGET, NODE_V8_COVERAGE, ...rest } = process.env;
  const program = path.join(ROOT, 'scripts', script);
  const { code, stdout, stderr } = await execute(process.execPath, [program, ...args], {
    cwd: dir,
    env: {
      ...{ ...rest, RALLOC_TEST_ROOT: dir, RALLOC_PLATFORMS: path.join(dir, 'platforms') },
      ...{ RALLOC_TEST_TIMEOUT: '60s', ...env },
    },
  });
  return { code, dir, lines: stdout.trimEnd().split('\n'), stderr };
}

const PASSES = "test('is well', (t) => t.pass());";
const SKIPS = `${PASSES}\ntest.skip('needs mkfifo: reads', () => {});`;
const FAILS = "test('adds up', (t) => t.is(1 + 1, 3));";
const once = (name) => `test('begins badly', (t) => {
  const seen = require('node:path').join(DIR, '${name}');
  const isSecond = require('node:fs').existsSync(seen);
  require('node:fs').writeFileSync(seen, '');
  t.true(isSecond);
});`;

const NEVER_AGAIN = {
  'ends by a signal': "process.kill(process.pid, 'SIGKILL')",
  aborts: 'process.abort()',
  'compares bytes that differ': "t.fail('sameBytes: 4 of 512 bytes differ')",
  'sees a program end by a signal': "t.is('SIGSEGV', null)",
  'never ends': "require('node:net').createServer().listen(0); await new Promise(() => {})",
};

repositoryTest('a line for each folder; what failed twice is told with its command', async (t) => {
  const names = Object.keys(NEVER_AGAIN).map((what) => what.replaceAll(' ', '-'));
  const dying = Object.values(NEVER_AGAIN).map((act, i) => [
    `dies/${names[i]}`,
    `test('dies', async (t) => {
        require('node:fs').appendFileSync(require('node:path').join(DIR, '${names[i]}'), 'x');
        await new Promise(setImmediate);
        ${act};
      });`,
  ]);
  const sources = { 'room/a': SKIPS, 'room/b': PASSES, 'twice/c': FAILS };
  const env = { RALLOC_TEST_TIMEOUT: '15s' };
  const all = { ...sources, ...Object.fromEntries(dying) };
  const { code, dir, lines } = await runOver(t, 'test.js', ['run-time'], all, { env });
  t.is(code, 1);
  t.true(lines.includes('ok   room: 2 passed, 0 failed in 2 files'));
  t.true(lines.includes('FAIL twice: 0 passed, 1 failed in 1 files'));
  t.true(lines.some((line) => line.includes('✘ [fail]: adds up')));
  for (const name of ['twice/c', ...dying.map(([one]) => one)])
    t.true(lines.includes(`FAIL ${fileOf(name)}    again: npx ava ${fileOf(name)}`), name);
  for (const name of names) t.is(fs.readFileSync(path.join(dir, name), 'utf8'), 'x', name);
  t.regex(lines.at(-1), /^2 passed, \d+ failed, 1 skipped$/);
});

repositoryTest('a file that passes alone counts as passed, and is told as flaky', async (t) => {
  const sources = { 'room/a': PASSES, 'room/b': once('b') };
  const { code, dir, lines } = await runOver(t, 'test.js', ['run-time'], sources);
  t.is(code, 0);
  t.deepEqual(lines.slice(-2), [`flaky: ${fileOf('room/b')} › begins badly`, '2 passed, 0 failed']);
  const first = lines.indexOf('the first time, begins badly:');
  t.regex(lines[first + 1], /^ {2}\S/);
  const kept = fs.readFileSync(path.join(dir, 'target', 'flaky', 'room-b.test.js.log'), 'utf8');
  t.regex(kept, /^begins badly[\s\S]*==== alone ====[\s\S]*✔/);
});

repositoryTest('two flaky files in one run are a failure', async (t) => {
  const sources = { 'room/a': once('a'), 'room/b': once('b') };
  const { code, lines } = await runOver(t, 'test.js', ['run-time'], sources);
  t.is(code, 1);
  t.true(lines.includes('FAIL 2 flaky files in one run; their outputs are in target/flaky'));
  t.is(lines.at(-1), '2 passed, 1 failed');
});

for (const [args, message, env] of [
  [[], 'the tier must be one of run-time, tools, soak, all, not undefined'],
  [['run-time', 'absent.js'], 'there is no test file absent.js'],
  [['run-time', '--fast'], 'there is no option --fast; there is --differs'],
  [['tools', fileOf('room/a')], 'there is no such file in that tier'],
  [
    ['run-time'],
    'RALLOC_SEED must be an integer of at most ten digits, not x',
    { RALLOC_SEED: 'x' },
  ],
]) {
  repositoryTest(`scripts/test.js: ${message}: one line and exit code 2`, async (t) => {
    const told = await runOver(t, 'test.js', args, { 'room/a': PASSES }, { env });
    t.deepEqual([told.code, told.lines, told.stderr], [2, [''], `test: ${message}\n`]);
  });
}

for (const [args, env, message] of [
  [
    ['nosuch'],
    {},
    /^no step has a name with "nosuch" in it; there are: cargo test, compiled, install, npm test, /,
  ],
  [['lint'], { RALLOC_SEED: '1.5' }, /^RALLOC_SEED must be an integer .* not 1\.5\n$/],
]) {
  posixTest(
    `.ci/run ${args} refuses with exit code 2: ${message}`,
    async (t) => {
      const options = { cwd: ROOT, env: { ...process.env, ...env } };
      const { code, stdout, stderr } = await execute(path.join(ROOT, '.ci', 'run'), args, options);
      t.deepEqual([code, stdout], [2, '']);
      t.regex(stderr, message);
      t.is(stderr.trimEnd().split('\n').length, 1);
    },
    test.serial,
  );
}

/** What a platform does that is this machine. */
const here = (more = '') => `module.exports = {
  name: 'here',
  nodes: [20, 24],
  async bring() {},
  build: async (root) => require('node:path').join(root, 'ralloc.here.node'),
  runner: (tools, node) => ({ command: process.execPath, args: [], env: { NODE_MAJOR: String(node) } }),
  faults: [{ title: 'counts pages', why: 'the emulator has none' }],
  ${more}
};`;

const PLATFORMS = {
  'platforms/here.js': here(),
  'platforms/away.js': here('nodes: [], runner: () => null,'),
  'platforms/missing.js': here(
    "async bring() { throw new Error('E: no package wine\\nmore of it'); },",
  ),
};

const platforms = (t, args, sources) =>
  runOver(t, 'platforms.js', args, sources, { files: PLATFORMS });

const ROOMS = {
  'one/a': SKIPS,
  'one/longer': `${PASSES}\ntest('is well too', (t) => t.is(process.env.NODE_MAJOR, '20'));`,
  'two/b': PASSES,
};

repositoryTest('failures of an emulator count as skipped, with the reason', async (t) => {
  const { code, lines } = await platforms(t, ['here'], {
    ...ROOMS,
    'two/c': `test('counts pages', (t) => t.fail()); ${FAILS}`,
    'two/d': "test('is cut off', () => process.reallyExit(0)); test('is not begun', () => {});",
  });
  t.is(lines[0], 'here: ralloc.here.node, Node 20');
  t.regex(lines[1], /^ok {3}one: 3 passed, 0 failed in 2 files, 1 skipped, \d+ s$/);
  t.regex(lines[2], /^FAIL two: 1 passed, 3 failed in 3 files, 1 skipped, \d+ s$/);
  for (const told of ['c.test.js › adds up', 'd.test.js › is cut off', 'd.test.js › is not begun'])
    t.true(lines.includes(`==== __test__/two/${told}`), told);
  t.true(lines.includes(`known: ${fileOf('two/c')} › counts pages: the emulator has none`));
  t.is(lines.at(-1), '4 passed, 3 failed, 2 skipped');
  t.is(code, 1);
});

for (const [args, says] of [
  [['vax'], 'the platform must be one of away, here, missing, not vax'],
  [['here', '--node', '4'], 'on here Node must be one of 20, 24, not 4'],
  [['here', fileOf('none')], `there is no test file ${fileOf('none')} in run-time or tools`],
  [['away', '--crate'], "nothing runs the crate's tests on away"],
  [['missing'], 'E: no package wine'],
]) {
  repositoryTest(`scripts/platforms.js: ${says}: one line and exit code 2`, async (t) => {
    const { code, lines, stderr } = await platforms(t, args, { 'room/a': PASSES });
    t.deepEqual([code, lines, stderr], [2, [''], `platforms: ${says}\n`]);
  });
}

needsGit('each fault of an emulator has a reason, and is that of one test', (t) => {
  const at = path.join(ROOT, 'scripts', 'platforms');
  const files = listFiles(ROOT);
  const sources = (kind) =>
    files.filter((file) => kind.test(file)).map((file) => readFile(ROOT, file));
  const [tests, core] = [/^__test__\/.*\.test\.js$/, /^(src|tests)\/.*\.rs$/].map(sources);
  const check = (texts, begins, { title, why }) => {
    t.regex(why, /\w{3}/);
    const has = (text) => begins.some((begin) => text.includes(begin + title));
    t.is(texts.filter(has).length, 1, title);
  };
  for (const file of fs.readdirSync(at)) {
    const { faults, crateFaults = [], ...platform } = require(path.join(at, file));
    t.is(`${platform.name}.js`, file);
    t.true(platform.nodes.every(Number.isInteger));
    for (const method of ['bring', 'build', 'runner']) t.is(typeof platform[method], 'function');
    for (const fault of faults) check(tests, ["'", '`', '"'], fault);
    for (const fault of crateFaults) check(core, ['fn '], fault);
  }
});

const flaky = (name) => `flaky: ${fileOf(name)} › a title\n3 passed, 0 failed`;
const CARGO = 'test result: ok. 7 passed; 0 failed;\ntest result: FAILED. 2 passed; 3 failed;';

for (const [what, passed, failed, ...steps] of [
  ['tests', 12, 0, [0, 'ok   room: 9 passed, 0 failed in 2 files\n12 passed, 0 failed, 2 skipped']],
  ['a failed test, in colour', 2, 1, [1, '\u001b[31m2 passed, 1 failed\u001b[39m']],
  ['a step that fails after all tests passed', 12, 1, [1, '12 passed, 0 failed']],
  ['one flaky file, twice', 6, 0, [0, flaky('a/b')], [0, flaky('a/b')]],
  ['two flaky files', 6, 1, [0, flaky('a/b')], [0, flaky('a/c')]],
  [
    "cargo's tests, and a step that counts nothing",
    10,
    3,
    [101, CARGO],
    [0, 'so 5 passed, 0 failed'],
  ],
  ['lint', 6, 1, [1, 'lint: 6 passed, 1 failed']],
  [
    'a build that fails, and a step that its time limit ended',
    6,
    2,
    [1, 'error'],
    [124, ''],
    [0, '6 passed, 0 failed'],
  ],
  ['no test anywhere', 1, 1, [0, '']],
]) {
  test(`.ci/run counts ${what}: ${passed} passed, ${failed} failed`, async (t) => {
    const dir = folder(t);
    const rows = steps.map(([code], n) => `${code}\tname ${n}\t${path.join(dir, `${n}`)}\t7\n`);
    const logs = Object.fromEntries(steps.map(([, log], n) => [n, log]));
    writeFiles(dir, { results: rows.join(''), ...logs });
    const program = path.join(ROOT, 'scripts', 'ci', 'count.js');
    const { code, stdout } = await execute(process.execPath, [program, path.join(dir, 'results')]);
    t.is(stdout.trimEnd().split('\n').at(-1), `${passed} passed, ${failed} failed`);
    t.is(code, failed === 0 ? 0 : 1);
  });
}

test('of a tool that cannot be had nothing is left', async (t) => {
  const tools = path.join(folder(t), 'tools');
  const fill = (part) => {
    fs.writeFileSync(path.join(part, 'half'), '');
    brought.execute(process.execPath, ['-e', 'console.error("a\\nno more"); process.exit(1)']);
  };
  await t.throwsAsync(brought.once(path.join(tools, 'one'), fill), { message: /-e: no more$/ });
  t.deepEqual(fs.readdirSync(tools), []);
});
