'use strict';
// tier: tools

// scripts/platforms.js over small folders of tests and platforms that this machine runs itself: arguments, the choice of files, the counts, the
// emulator's faults; and how a tool is brought, whole or not at all.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { execute } = require('../helpers/package/npm.js');
const { folder } = require('../helpers/folder.js');
const { needsGit } = require('../helpers/needs.js');
const brought = require('../../scripts/lib/brought.js');
const { listFiles, readFile } = require('../../scripts/lib/files.js');
const { tellKernel } = require('../../scripts/platforms/arm64.js');

const root = path.join(__dirname, '..', '..');
const HEAD = "// tier: run-time\nconst test = require('ava');\n";
const PASSES = "test('is well', (t) => t.pass());";

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

/** A cargo that prints what the crate's tests do. */
const crate = (lines, status) => {
  const program = `console.log(${JSON.stringify(lines)}); process.exit(${status})`;
  const runner = { command: process.execPath, args: ['-e', program, '--'], env: {} };
  return here(
    `crate: () => (${JSON.stringify(runner)}), crateFaults: [{ title: 'counts', why: 'it has none' }],`,
  );
};

const PLATFORMS = {
  here: crate(
    'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\ntest result: ok. 2 passed; 0 failed; 0 ignored;',
    0,
  ),
  fails: crate('test result: FAILED. 3 passed; 1 failed; 0 ignored;', 101),
  away: here('nodes: [], runner: () => null,'),
  missing: here("async bring() { throw new Error('E: no package wine\\nmore of it'); },"),
};

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

/** Runs the script over `sources`, by `room/name`: { code, lines, stderr, dir }. */
async function runOver(t, args, sources = {}) {
  const dir = folder(t);
  const tests = path.join(dir, '__test__');
  for (const loaded of ['audited.js', 'covered.js']) // which ava.config.mjs names
    write(path.join(tests, 'helpers', loaded), '');
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'), 'junction');
  const config = pathToFileURL(path.join(root, 'ava.config.mjs'));
  fs.writeFileSync(path.join(dir, 'ava.config.mjs'), `export { default } from '${config}';\n`);
  write(path.join(dir, 'package.json'), '{}');
  write(path.join(dir, '.gitignore'), 'node_modules\n');
  spawnSync('git', ['init', '-q'], { cwd: dir });
  for (const [name, source] of Object.entries(sources))
    write(path.join(tests, `${name}.test.js`), `${HEAD}${source}\n`);
  for (const [name, source] of Object.entries(PLATFORMS))
    write(path.join(dir, 'platforms', `${name}.js`), source);
  const { NODE_V8_COVERAGE, ...rest } = process.env;
  const script = path.join(root, 'scripts', 'platforms.js');
  const { code, stdout, stderr } = await execute(process.execPath, [script, ...args], {
    cwd: dir,
    env: { ...rest, RALLOC_TEST_ROOT: dir, RALLOC_PLATFORMS: path.join(dir, 'platforms') },
  });
  return { code, lines: stdout.trimEnd().split('\n'), stderr, dir };
}

const rooms = {
  'one/a': `${PASSES}\ntest.skip('needs mkfifo: reads', () => {});`,
  'one/longer': `${PASSES}\ntest('is well too', (t) => t.is(process.env.NODE_MAJOR, '20'));`,
  'two/b': `${PASSES}\n// which is longer than a random load`,
};

needsGit('tests that pass are a line for their folder, and the counts', async (t) => {
  const { code, lines } = await runOver(t, ['here'], rooms);
  t.is(lines[0], 'here: ralloc.here.node, Node 20');
  t.regex(lines[1], /^ok {3}one: 3 passed, 0 failed in 2 files, 1 skipped, \d+ s$/);
  t.regex(lines[2], /^ok {3}two: 1 passed, 0 failed in 1 files, 0 skipped, \d+ s$/);
  t.is(lines[3], '4 passed, 0 failed, 1 skipped');
  t.is(code, 0);
});

needsGit(
  '--smoke takes the smallest file of each folder that is not long, names only those',
  async (t) => {
    const smoke = await runOver(t, ['here', '--smoke'], { ...rooms, 'two/random': 'budget(1);' });
    t.is(smoke.lines.at(-1), '2 passed, 0 failed, 1 skipped');
    const named = await runOver(t, ['here', '--node', '24', '__test__/two/b.test.js'], rooms);
    t.is(named.lines[0], 'here: ralloc.here.node, Node 24');
    t.is(named.lines.at(-1), '1 passed, 0 failed, 0 skipped');
  },
);

needsGit(
  'a failure is told; one that is the emulator’s own counts as skipped, with the reason',
  async (t) => {
    const { code, lines } = await runOver(t, ['here'], {
      'one/a': "test('counts pages', (t) => t.fail()); test('adds up', (t) => t.is(1 + 1, 3));",
      'two/b': "test('counts pages again', (t) => t.fail());",
    });
    t.true(lines.includes('==== __test__/one/a.test.js › adds up'));
    t.true(
      lines.includes('known: __test__/two/b.test.js › counts pages again: the emulator has none'),
    );
    t.is(lines.at(-1), '0 passed, 1 failed, 2 skipped');
    t.is(code, 1);
  },
);

needsGit(
  'of a process that ends as if all were well, each test that did not end is told',
  async (t) => {
    const { code, lines } = await runOver(t, ['here'], {
      'one/a': "test('is cut off', () => process.reallyExit(0)); test('is not begun', () => {});",
      'one/b': "test('adds up', (t) => t.is(1 + 1, 3));",
    });
    t.true(lines.includes('==== __test__/one/a.test.js › is cut off'));
    t.true(lines.includes('==== __test__/one/a.test.js › is not begun'));
    t.is(lines.at(-1), '0 passed, 3 failed, 0 skipped');
    t.is(code, 1);
  },
);

needsGit('what nothing can run is built, and that is all that is said', async (t) => {
  const { code, lines } = await runOver(t, ['away'], rooms);
  t.deepEqual(lines, [
    'ok   ralloc.here.node: built and linked; nothing here runs it',
    '1 passed, 0 failed, 0 skipped',
  ]);
  t.is(code, 0);
});

needsGit('--crate counts the tests of the Rust core, and shows them if one fails', async (t) => {
  const well = await runOver(t, ['here', '--crate'], rooms);
  t.deepEqual(well.lines, ['known: counts: it has none', '5 passed, 0 failed, 2 skipped']);
  t.is(well.code, 0);
  const failed = await runOver(t, ['fails', '--crate'], rooms);
  t.deepEqual(failed.lines, [
    'known: counts: it has none',
    'test result: FAILED. 3 passed; 1 failed; 0 ignored;',
    '',
    '3 passed, 1 failed, 1 skipped',
  ]);
  t.is(failed.code, 1);
});

const WRONG = {
  'no platform': [[], 'the platform must be one of away, fails, here, missing, not undefined'],
  'an unknown platform': [
    ['vax'],
    'the platform must be one of away, fails, here, missing, not vax',
  ],
  'an unknown Node': [['here', '--node', '4'], 'on here Node must be one of 20, 24, not 4'],
  'a Node where none runs': [['away', '--node', '24'], 'on away Node must be one of none, not 24'],
  'an unknown file': [
    ['here', '__test__/none.test.js'],
    'there is no test file __test__/none.test.js in run-time or tools',
  ],
  'files and --smoke': [['here', '--smoke', 'x'], 'either --smoke or files'],
  'the crate where nothing runs it': [
    ['away', '--crate'],
    "nothing runs the crate's tests on away",
  ],
  'the crate and files': [['here', '--crate', 'x'], 'either --crate or tests of JavaScript'],
  'a tool that cannot be had': [['missing'], 'E: no package wine'],
};

for (const [what, [args, says]] of Object.entries(WRONG)) {
  needsGit(`${what} is one line, and exit code 2`, async (t) => {
    const { code, lines, stderr } = await runOver(t, args, rooms);
    t.is(stderr, `platforms: ${says}\n`);
    t.deepEqual(lines, ['']);
    t.is(code, 2);
  });
}

needsGit('an unknown option is one line, and exit code 2', async (t) => {
  const { code, stderr } = await runOver(t, ['here', '--fast'], rooms);
  t.regex(stderr, /^platforms: Unknown option '--fast'.*\n$/);
  t.is(code, 2);
});

test('each platform keeps the contract that scripts/platforms.js writes down', (t) => {
  const at = path.join(root, 'scripts', 'platforms');
  for (const file of fs.readdirSync(at)) {
    const platform = require(path.join(at, file));
    t.is(`${platform.name}.js`, file);
    t.true(platform.nodes.every(Number.isInteger));
    for (const method of ['bring', 'build', 'runner']) t.is(typeof platform[method], 'function');
  }
});

needsGit('each fault of an emulator has a reason, and is that of one test that there is', (t) => {
  const at = path.join(root, 'scripts', 'platforms');
  const files = listFiles(root);
  const sources = (kind) =>
    files.filter((file) => kind.test(file)).map((file) => readFile(root, file));
  const [tests, core] = [/^__test__\/.*\.test\.js$/, /^(src|tests)\/.*\.rs$/].map(sources);
  const check = (texts, begins, { title, why }) => {
    t.regex(why, /\w{3}/);
    const has = (text) => begins.some((begin) => text.includes(begin + title));
    t.is(texts.filter(has).length, 1, title);
  };
  for (const file of fs.readdirSync(at)) {
    const { faults, crateFaults = [] } = require(path.join(at, file));
    for (const fault of faults) check(tests, ["'", '`', '"'], fault);
    for (const fault of crateFaults) check(core, ['fn '], fault);
  }
});

test('a tool is brought once', async (t) => {
  const at = path.join(folder(t), 'tools', 'one');
  let times = 0;
  const fill = (part) => {
    times++;
    fs.writeFileSync(path.join(part, 'program'), '');
  };
  t.is(await brought.once(at, fill), at);
  t.is(await brought.once(at, fill), at);
  t.is(times, 1);
  t.deepEqual(fs.readdirSync(at), ['program']);
});

test('of two who bring a tool at once, the second takes the tool of the first', async (t) => {
  const tools = folder(t);
  const at = path.join(tools, 'one');
  const first = () => {
    fs.mkdirSync(at);
    fs.writeFileSync(path.join(at, 'program'), '');
  };
  t.is(await brought.once(at, first), at);
  t.deepEqual(fs.readdirSync(tools), ['one']);
  t.deepEqual(fs.readdirSync(at), ['program']);
});

test('of a tool that cannot be had nothing is left', async (t) => {
  const tools = path.join(folder(t), 'tools');
  const fill = (part) => {
    fs.writeFileSync(path.join(part, 'half'), '');
    brought.execute(process.execPath, ['-e', 'console.error("a\\nno more"); process.exit(1)']);
  };
  await t.throwsAsync(brought.once(path.join(tools, 'one'), fill), { message: /-e: no more$/ });
  t.deepEqual(fs.readdirSync(tools), []);
});

test.serial('nothing is begun on a disk that is nearly full', async (t) => {
  const tools = path.join(folder(t), 'tools');
  const { statfsSync } = fs;
  t.teardown(() => {
    fs.statfsSync = statfsSync;
  });
  fs.statfsSync = () => ({ bavail: 10, bsize: 1024 ** 2 });
  await t.throwsAsync(
    brought.once(path.join(tools, 'one'), () => t.fail()),
    { message: /has 10 MiB left, and the tools take 3072$/ },
  );
  t.deepEqual(fs.readdirSync(tools), []);
});

test.serial('without root, arm64 says what it needs root for', (t) => {
  const { getuid } = process;
  t.teardown(() => {
    process.getuid = getuid;
  });
  process.getuid = () => 1000;
  t.throws(() => tellKernel(folder(t), 24), {
    message: 'arm64 needs root once, to tell the kernel of qemu (binfmt_misc)',
  });
});
