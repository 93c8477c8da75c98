'use strict';

// Mutation testing of the policies in lib/ and tools/: limits, thresholds, order, what happens once. Each mutant of
// scripts/mutants/ changes one line of a copy of the package, and one of the tests that it names must fail.
// Run by hand: `node scripts/mutants.js`, or with parts of names: `node scripts/mutants.js gc idle`; one for each core at
// a time. Exit code 1 where one survives.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fileOf, isRun, readMutants, flawOf } = require('./lib/mutants.js');
const { program } = require('./lib/program.js');

const ROOT = path.join(__dirname, '..');
const COPIED = [
  'lib',
  'tools',
  '__test__',
  'docs',
  'bin',
  'examples',
  'scripts',
  'package.json',
  'package-lock.json',
  'ava.config.mjs',
  'index.d.ts',
  'types',
];
const TIMEOUT = '60s'; // of ava: without a test that ends in this time

/** Those whose name (`chunk-pool: no wipe`) has one of `parts`, or all. */
function mutantsNamed(parts) {
  const all = readMutants(ROOT);
  const isChosen = ({ name }) => parts.length === 0 || parts.some((part) => name.includes(part));
  const chosen = all.filter(isChosen);
  for (const mutant of chosen) {
    const flaw = flawOf(mutant, all, ROOT);
    if (flaw !== null) throw new Error(`"${mutant.name}": ${flaw}`);
  }
  return chosen;
}

const read = (root, file) => fs.readFileSync(fileOf(root, file), 'utf8');

/** A new folder with what the tests need. */
function copy() {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-mutants-'));
  for (const name of COPIED) {
    fs.cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true });
  }
  const binaries = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'));
  for (const name of ['node_modules', ...binaries]) {
    fs.symlinkSync(fs.realpathSync(path.join(ROOT, name)), path.join(root, name));
  }
  return root;
}

/** Runs ava in a copy: whether all tests pass, its output, and how long it took. */
async function ava(root, tests, env = {}) {
  const started = performance.now();
  const cli = path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const files = [...new Set(tests)].map((file) => path.join('__test__', file));
  const child = spawn(process.execPath, [cli, '--fail-fast', `--timeout=${TIMEOUT}`, ...files], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  // Of what its programs print there may be no end; they are killed after it has exited.
  const texts = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [status] = await exit;
  spawnSync('pkill', ['-KILL', '-f', root]); // programs of tests that a mutant has made endless
  const output = (await Promise.all(texts)).flat().join('');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  return { passed: status === 0, output, seconds };
}

/** The tests must pass on what is not changed: else to fail says nothing. */
async function baseline(root, mutants) {
  const keyOf = ({ env = {} }) => JSON.stringify(env);
  for (const key of new Set(mutants.map(keyOf))) {
    const tests = mutants
      .filter((mutant) => keyOf(mutant) === key)
      .flatMap((mutant) => mutant.tests);
    const { passed, output, seconds } = await ava(root, tests, JSON.parse(key));
    if (!passed) throw new Error(`the tests fail without a mutant:\n${output}`);
    console.log(`baseline passes (${seconds} s)`);
  }
}

/** Whether one of the mutant's tests fails. */
async function isKilled(root, { name, file, find, replace, tests, env }) {
  const source = read(root, file);
  fs.writeFileSync(
    fileOf(root, file),
    source.replace(find, () => replace),
  );
  const { passed, seconds } = await ava(root, tests, env);
  fs.writeFileSync(fileOf(root, file), source);
  console.log(`${passed ? 'SURVIVED' : 'killed  '} ${name} (${seconds} s)`);
  return !passed;
}

/** How many of `mutants` are killed, by one run for each copy at a time. */
async function killedOf(roots, mutants) {
  const next = mutants.values();
  let killed = 0;
  await Promise.all(
    roots.map(async (root) => {
      for (const mutant of next) if (await isKilled(root, mutant)) killed += 1;
    }),
  );
  return killed;
}

program(async () => {
  const named = mutantsNamed(process.argv.slice(2));
  const mutants = named.filter(isRun);
  if (mutants.length === 0) throw new Error('no mutant has such a name');
  const roots = Array.from({ length: os.availableParallelism() }, copy);
  try {
    await baseline(roots[0], mutants);
    const killed = await killedOf(roots, mutants);
    const survived = mutants.length - killed;
    const rest = `${named.length - mutants.length} equivalent, or of a later Node, and not run`;
    console.log(`mutants: ${killed} killed, ${survived} survived, ${rest}`);
    process.exitCode = survived === 0 ? 0 : 1;
  } finally {
    for (const root of roots) fs.rmSync(root, { recursive: true, force: true });
  }
});
