'use strict';
// tier: tools, long

// scripts/test.js over small folders of tests that pass, fail, fail once, end by a signal or never end; and what .ci/run says of wrong arguments.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { posixTest } = require('../helpers/backend.js');
const { execute } = require('../helpers/package/npm.js');
const { folder } = require('../helpers/folder.js');
const { needsGit } = require('../helpers/needs.js');

const root = path.join(__dirname, '..', '..');
const repositoryTest = (title, body) => needsGit(title, body, test.serial);
const HEAD = "// tier: run-time\nconst test = require('ava');\n";

/** Runs the tests `sources`, by name: { code, lines } of stdout, and stderr. */
async function runOver(t, sources, { args = ['run-time'], env = {} } = {}) {
  const dir = folder(t);
  fs.mkdirSync(path.join(dir, '__test__', 'room'), { recursive: true });
  fs.mkdirSync(path.join(dir, '__test__', 'helpers'));
  for (const loaded of ['audited.js', 'covered.js']) // which ava.config.mjs names
    fs.writeFileSync(path.join(dir, '__test__', 'helpers', loaded), '');
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  const config = pathToFileURL(path.join(root, 'ava.config.mjs'));
  fs.writeFileSync(path.join(dir, 'ava.config.mjs'), `export { default } from '${config}';\n`);
  fs.writeFileSync(path.join(dir, 'package.json'), '{}');
  fs.writeFileSync(path.join(dir, '.gitignore'), 'node_modules\n');
  spawnSync('git', ['init', '-q'], { cwd: dir });
  for (const [name, source] of Object.entries(sources)) {
    const file = path.join(dir, '__test__', 'room', `${name}.test.js`);
    fs.writeFileSync(file, `${HEAD}${source.replaceAll('DIR', JSON.stringify(dir))}\n`);
  }
  const program = path.join(root, 'scripts', 'test.js');
  const { RALLOC_SEED, RALLOC_BUDGET, NODE_V8_COVERAGE, ...rest } = process.env;
  const { code, stdout, stderr } = await execute(process.execPath, [program, ...args], {
    cwd: dir,
    env: { ...rest, RALLOC_TEST_ROOT: dir, RALLOC_TEST_TIMEOUT: '60s', ...env },
  });
  return { code, dir, lines: stdout.trimEnd().split('\n'), stderr };
}

const PASSES = "test('is well', (t) => t.pass());";
const once = (name) => `test('begins badly', (t) => {
  const seen = require('node:path').join(DIR, '${name}');
  const isSecond = require('node:fs').existsSync(seen);
  require('node:fs').writeFileSync(seen, '');
  t.true(isSecond);
});`;

repositoryTest('tests that pass are a line for their folder, and the counts', async (t) => {
  const { code, lines } = await runOver(t, {
    a: PASSES,
    b: `${PASSES}\ntest.skip('needs mkfifo: reads', () => {});`,
  });
  t.deepEqual(lines, ['ok   room: 2 passed, 0 failed in 2 files', '2 passed, 0 failed, 1 skipped']);
  t.is(code, 0);
});

repositoryTest(
  'a file that fails twice is told with its output and the command that repeats it',
  async (t) => {
    const { code, lines } = await runOver(t, {
      a: PASSES,
      b: "test('adds up', (t) => t.is(1 + 1, 3));",
    });
    t.is(code, 1);
    t.is(lines[0], 'FAIL room: 1 passed, 1 failed in 2 files');
    t.true(lines.some((line) => line.includes('✘ [fail]: adds up')));
    t.deepEqual(lines.slice(-2), [
      'FAIL __test__/room/b.test.js    again: npx ava __test__/room/b.test.js',
      '1 passed, 1 failed',
    ]);
  },
);

repositoryTest(
  'a file that passes when it runs alone counts as passed, and is told as flaky, with what it said and both outputs kept',
  async (t) => {
    const { code, dir, lines } = await runOver(t, { a: PASSES, b: once('b') });
    t.is(code, 0);
    t.deepEqual(lines.slice(-2), [
      'flaky: __test__/room/b.test.js › begins badly',
      '2 passed, 0 failed',
    ]);
    const first = lines.indexOf('the first time, begins badly:');
    t.regex(lines[first + 1], /^ {2}\S/);
    const kept = fs.readFileSync(path.join(dir, 'target', 'flaky', 'room-b.test.js.log'), 'utf8');
    t.regex(kept, /^begins badly[\s\S]*==== alone ====[\s\S]*✔/);
  },
);

repositoryTest('two flaky files in one run are a failure', async (t) => {
  const { code, lines } = await runOver(t, { a: once('a'), b: once('b') });
  t.is(code, 1);
  t.true(lines.includes('FAIL 2 flaky files in one run; their outputs are in target/flaky'));
  t.is(lines.at(-1), '2 passed, 1 failed');
});

const NEVER_AGAIN = {
  'ends by a signal': "process.kill(process.pid, 'SIGKILL')",
  aborts: 'process.abort()',
  'compares bytes that differ': "t.fail('sameBytes: 4 of 512 bytes differ')",
  'sees a program end by a signal': "t.is('SIGSEGV', null)",
  'never ends': "require('node:net').createServer().listen(0); await new Promise(() => {})",
};

for (const [what, act] of Object.entries(NEVER_AGAIN)) {
  repositoryTest(`a file that ${what} is not run again`, async (t) => {
    const source = `test('dies', async (t) => {
      const runs = require('node:path').join(DIR, 'runs');
      require('node:fs').appendFileSync(runs, 'x');
      await new Promise(setImmediate);
      ${act};
    });`;
    const env = what === 'never ends' ? { RALLOC_TEST_TIMEOUT: '5s' } : {};
    const { code, dir, lines } = await runOver(t, { a: source }, { env });
    t.is(code, 1);
    const runs = path.join(dir, 'runs'); // of a slow machine not one, where it is stopped after 5 s
    t.true(!fs.existsSync(runs) || fs.readFileSync(runs, 'utf8') === 'x');
    t.regex(lines.at(-1), /^0 passed, [12] failed$/);
  });
}

const WRONG = {
  'no tier': [[], {}, 'test: the tier must be one of run-time, tools, soak, all, not undefined\n'],
  'an unknown file': [['run-time', 'absent.js'], {}, 'test: there is no test file absent.js\n'],
  'an unknown option': [
    ['run-time', '--fast'],
    {},
    'test: there is no option --fast; there are --differs and --types\n',
  ],
  'a tier without that file': [
    ['tools', '__test__/room/a.test.js'],
    {},
    'test: there is no such file in that tier\n',
  ],
  'a seed that is no number': [
    ['run-time'],
    { RALLOC_SEED: 'x' },
    'test: RALLOC_SEED must be an integer of at most ten digits, not x\n',
  ],
};

for (const [what, [args, env, message]] of Object.entries(WRONG)) {
  repositoryTest(`${what} is one line and exit code 2`, async (t) => {
    const { code, lines, stderr } = await runOver(t, { a: PASSES }, { args, env });
    t.deepEqual([code, lines, stderr], [2, [''], message]);
  });
}

for (const [what, args, env, message] of [
  [
    'a step that it does not have',
    ['nosuch'],
    {},
    /^no step has a name with "nosuch" in it; there are: cargo test, compiled, install, npm test, /,
  ],
  [
    'a seed that is no number',
    ['lint'],
    { RALLOC_SEED: '1.5' },
    /^RALLOC_SEED must be an integer .* not 1\.5\n$/,
  ],
]) {
  posixTest(
    `.ci/run refuses ${what} in one line, with exit code 2`,
    async (t) => {
      const { code, stdout, stderr } = await execute(path.join(root, '.ci', 'run'), args, {
        cwd: root,
        env: { ...process.env, ...env },
      });
      t.deepEqual([code, stdout], [2, '']);
      t.regex(stderr, message);
      t.is(stderr.trimEnd().split('\n').length, 1);
    },
    test.serial,
  );
}
