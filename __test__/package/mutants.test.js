'use strict';
// tier: soak

// scripts/mutants.js over a small package with a weak test, and with one that fails.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { posixTest } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');
const { execute } = require('../helpers/package/npm.js');

const root = path.join(__dirname, '..', '..');
const HEAD = "// tier: run-time\nconst test = require('ava');\n";

const FILES = {
  'package.json': '{}',
  '.gitignore': 'node_modules\ntarget\n',
  'ava.config.mjs': 'export default { workerThreads: false };\n',
  'lib/room/gate.js': `'use strict';
const admits = (age) => age >= 18;
module.exports = { admits };
`,
  '__test__/room/gate.test.js': `${HEAD}
const { admits } = require('../../lib/room/gate.js');
test('the boundary is not tested', (t) => t.deepEqual([17, 18.5].map(admits), [false, true]));
`,
};

/** A package of `FILES` and others; run(...args) runs the mutants: { code, stdout, stderr, results }. */
function weakPackage(t, files = {}) {
  const dir = folder(t);
  const tmp = folder(t);
  const write = (name, text) => {
    fs.mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  };
  for (const [name, text] of Object.entries({ ...FILES, ...files })) write(name, text);
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  spawnSync('git', ['init', '-q'], { cwd: dir });
  const json = path.join(dir, 'target', 'results.json');
  async function run(...args) {
    const { NODE_V8_COVERAGE, ...env } = process.env;
    const program = path.join(root, 'scripts', 'mutants.js');
    const all = [program, '--json', json, ...args];
    const said = await execute(process.execPath, all, {
      env: { ...env, RALLOC_TEST_ROOT: dir, TMPDIR: tmp },
    });
    t.deepEqual(fs.readdirSync(tmp), [], 'nothing is left of the copies');
    return { ...said, results: fs.existsSync(json) && JSON.parse(fs.readFileSync(json, 'utf8')) };
  }
  fs.mkdirSync(path.join(dir, 'target'));
  return { run, write };
}

posixTest('the mutant that a weak test lets through survives, and no other', async (t) => {
  const { run, write } = weakPackage(t);
  const { code, stdout, stderr, results } = await run('room');
  const found = results.map(({ file, line, by, original, mutated }) => [
    `${path.basename(file)}:${line} ${by === null ? 'SURVIVED' : 'killed'}`,
    ...[original, mutated],
  ]);
  const gate = 'const admits = (age) => age >= 18;';
  const gateKilled = ['undefined', '(age < 18)', 'age >= 19', 'age >= 17'].map((text) => [
    'gate.js:2 killed',
    ...[gate, `const admits = (age) => ${text};`],
  ]);
  t.deepEqual(
    found.sort(),
    [...gateKilled, ['gate.js:2 SURVIVED', gate, 'const admits = (age) => (age > 18);']].sort(),
    stderr,
  );
  t.is(code, 1);
  t.regex(stdout, /^SURVIVED lib\/room\/gate\.js:2\n- .* age >= 18;\n\+ .* \(age > 18\);$/m);
  t.regex(stdout, /\nmutants: 4 killed, 1 survived, of 5 made\n$/);

  const sample = ['room/gate.js', '--sample', '2', '--seed', 'a'];
  const [first, again] = [await run(...sample), await run(...sample)];
  t.is(first.results.length, 2);
  t.deepEqual(first.results, again.results);
  t.regex(again.stdout, /^0 of 1 test files run without a mutant first$/m);

  write(
    '__test__/room/gate.test.js',
    `${FILES['__test__/room/gate.test.js']}\n
test('the boundary', (t) => t.true(admits(18)));`,
  );
  const strict = await run('room/gate.js');
  t.regex(strict.stdout, /^1 of 1 test files/);
  t.regex(strict.stdout, /\nmutants: 5 killed, 0 survived, of 5 made\n$/);
  t.is(strict.code, 0);
});

posixTest('tests that fail without a mutant kill none', async (t) => {
  const failing = `${HEAD}\ntest('never passes', (t) => t.fail());\n`;
  const { run } = weakPackage(t, { '__test__/room/failing.test.js': failing });
  const { code, stderr, results } = await run('room');
  t.is(code, 1);
  t.regex(stderr, /tests fail without a mutant[\s\S]*never passes/);
  t.false(results);
});

posixTest('a wrong argument is refused before anything runs', async (t) => {
  const { run } = weakPackage(t);
  for (const [args, why] of [
    [['attic'], /there is no source in lib\/attic/],
    [['room', '--sample', 'all'], /--sample must be an integer >= 1/],
    [['--what'], /Unknown option '--what'/],
  ]) {
    const { code, stderr } = await run(...args);
    t.is(code, 1);
    t.regex(stderr, why);
  }
});
