'use strict';

// Mutation testing: changes lib/ or tools/ in one place at a time (lib/mutate.js), and runs the test files that reach the place. One of them must fail.
//
//   npm run soak -- mutants [FOLDER|FILE …] [--sample N] [--seed S] [--limit N] [--jobs N] [--json FILE]
//   npm run soak -- mutants memory arena/window.js --sample 60
//
// Folders are those of lib/, or `tools/report`; without one, all of them.
// --sample  N mutants of each folder, chosen by a hash of their text and of the seed, so that two commits can be compared
// --limit   of the test files that reach a mutant, only the first N run: a survivor takes all of them
// --jobs    so many copies of the package are tested at a time; one for each core
// --json    all results, written after each mutant
//
// Tests of the tier run-time, and those of tools that are in a folder of lib/. Those of the mutant's own folder run first, and the fastest of them before the
// others; those that take several times as long as without the
// mutant are killed. What each test file reaches is kept in target/mutants/,
// and found out anew when a file that it loads has changed. Exit code 1 where a mutant survives. Not for Windows.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { parseArgs } = require('node:util');
const { listFiles } = require('./lib/files.js');
const { mutantsOf } = require('./lib/mutate.js');
const { program } = require('./lib/program.js');
const { filesOf } = require('./lib/tiers.js');

const ROOT = process.env.RALLOC_TEST_ROOT ?? path.join(__dirname, '..');
const KEPT = path.join(ROOT, 'target', 'mutants');
const SOURCES = /^(?:lib|tools)\/.*\.js$/;
const OF_TOOLS = '__test__/tools/'; // tests of tools/, which are not counted for lib/
const BUILT = ['tools/placement/dist', 'tools/cli/dist', 'lib/memory/native.d.ts'];
const BATCH = 15; // seconds of tests that one ava runs; what they take together is soon known to be too long
const [PATIENCE, SLACK] = [5, 10]; // it is killed after so many times its time without a mutant, and seconds

/** The files given in that order, one at a time. Nothing is kept in node_modules, which all copies share. */
const CONFIG = `import own from './ava.config.mjs';
const at = (file) => process.argv.findIndex((one) => file.endsWith(one));
export default { ...own, cache: false, concurrency: 1, sortTestFiles: (a, b) => at(a) - at(b) };
`;

const FAILED = /^not ok \d+ - (.*)$[\s\S]*?^ {2}\.\.\.$/m; // up to the end of what TAP tells about it

const hash = (...texts) => createHash('sha1').update(texts.join('\0')).digest('hex');
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const roomOf = (file) => file.split('/')[1];
const nounOf = (file) => path.basename(file).split('.')[0];
const placeOf = ({ file, line, mutated }) => `${file}:${line} ${mutated}`;
const secondsOf = (tests) => tests.reduce((sum, { seconds }) => sum + seconds, 0);

const bases = new Set(); // folders of copies
const groups = new Set(); // of the processes under way, by the one that ava is

function kill(group) {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {} // none of them is left
}

process.on('exit', () => {
  groups.forEach(kill);
  for (const base of bases) fs.rmSync(base, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Calls use(place, item) for each item, with each of the places for one at a time. */
async function onEach(places, items, use) {
  const next = items.values();
  await Promise.all(
    places.map(async (place) => {
      for (const item of next) await use(place, item);
    }),
  );
}

/** A copy of the package in `root`, and `tmp` for its tests. */
function copy() {
  const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mutants-')));
  bases.add(base);
  const root = path.join(base, 'package');
  const binaries = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'));
  for (const name of [...listFiles(ROOT), ...BUILT, ...binaries]) {
    if (fs.existsSync(path.join(ROOT, name)))
      fs.cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true });
  }
  fs.symlinkSync(fs.realpathSync(path.join(ROOT, 'node_modules')), path.join(root, 'node_modules'));
  fs.writeFileSync(path.join(root, 'mutants.config.mjs'), CONFIG);
  return { base, root, tmp: path.join(base, 'tmp') };
}

/** Runs test files in a copy until one fails: { failed: its title, or null; output }. `idle`: seconds without a test that ends; `limit`: of all. */
async function ava({ root, tmp }, files, { idle, limit, env = {} }) {
  fs.mkdirSync(tmp);
  const cli = path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs');
  const args = ['--config', 'mutants.config.mjs', '--fail-fast', '--tap', `--timeout=${idle}s`];
  const child = spawn(process.execPath, [cli, ...args, ...files], {
    cwd: root,
    env: { ...process.env, TMPDIR: tmp, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true, // a group of its own, which is killed with all that the tests have started
  });
  groups.add(child.pid);
  const timer = setTimeout(kill, limit * 1000, child.pid);
  let output = '';
  let failed = null;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    if (failed !== null) return;
    output += text;
    failed = FAILED.exec(output)?.[1] ?? null;
    if (failed !== null) kill(child.pid);
  });
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  kill(child.pid);
  groups.delete(child.pid);
  fs.rmSync(tmp, { recursive: true, force: true, maxRetries: 5 });
  return { failed: failed ?? (code === 0 ? null : 'took too long, or ava ended'), output };
}

/** The parts of a source that have run, by the coverage of its functions: [start, end, start, end, …]. */
function partsOf(scripts, length) {
  const all = new Uint8Array(length + 1);
  for (const functions of scripts) {
    const own = new Uint8Array(length);
    const ranges = functions.flatMap((one) => one.ranges);
    ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset); // the innermost is the last one
    for (const { startOffset, endOffset, count } of ranges)
      own.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    own.forEach((hit, at) => {
      all[at] |= hit;
    });
  }
  const parts = [];
  all.forEach((hit, at) => {
    if (hit !== (all[at - 1] ?? 0)) parts.push(at);
  });
  return parts;
}

/**
 * What a test file and its programs reach without a mutant, and how long they take.
 * @returns {Promise<{ seconds: number, loaded: Record<string, string>, parts: Record<string, number[]> }>} `loaded`: the hashes of the files
 */
async function reachedBy(place, test) {
  const folder = path.join(place.base, 'coverage');
  const started = performance.now();
  const env = { NODE_V8_COVERAGE: folder };
  const { failed, output } = await ava(place, [test], { idle: 600, limit: 1200, env });
  if (failed !== null) return { failed, output };
  const seconds = (performance.now() - started) / 1000;
  const scripts = new Map();
  for (const name of fs.readdirSync(folder)) {
    const { result } = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
    for (const { url, functions } of result) {
      const file = url.startsWith('file:') ? path.relative(place.root, fileURLToPath(url)) : '..';
      if (!fs.existsSync(path.join(ROOT, file)) || /^\.\.|^node_modules/.test(file)) continue;
      scripts.set(file, [...(scripts.get(file) ?? []), functions]);
    }
  }
  fs.rmSync(folder, { recursive: true });
  const loaded = {};
  const parts = {};
  for (const [file, all] of scripts) {
    const source = read(file);
    loaded[file] = hash(source);
    if (SOURCES.test(file)) parts[file] = partsOf(all, source.length);
  }
  return { seconds, loaded, parts };
}

const isThere = (file) => fs.existsSync(path.join(ROOT, file));

/** Whether nothing that a test loads has changed since it ran without a mutant. */
const isSame = ({ world, loaded }, now) =>
  world === now &&
  Object.entries(loaded).every(([file, was]) => isThere(file) && hash(read(file)) === was);

/** What each of the tests reaches: { test, seconds, loaded, parts }. */
async function allReached(copies, tests) {
  const binaries = fs.readdirSync(ROOT).filter((name) => name.endsWith('.node'));
  const world = hash(process.version, process.env.RALLOC_BACKEND, ...binaries.map(read));
  const keptOf = (test) => path.join(KEPT, `${test.replaceAll('/', '-')}.json`);
  const all = new Map();
  for (const test of tests) {
    if (!fs.existsSync(keptOf(test))) continue;
    const kept = JSON.parse(fs.readFileSync(keptOf(test), 'utf8'));
    if (isSame(kept, world)) all.set(test, kept);
  }
  const rest = tests.filter((test) => !all.has(test));
  console.log(`${rest.length} of ${tests.length} test files run without a mutant first`);
  fs.mkdirSync(KEPT, { recursive: true });
  const broken = [];
  await onEach(copies, rest, async (place, test) => {
    let reached = await reachedBy(place, test);
    if (reached.failed) reached = await reachedBy(place, test); // as scripts/test.js runs it once more
    if (reached.failed) return broken.push(`${test}: ${reached.output}`);
    all.set(test, { world, ...reached });
    fs.writeFileSync(keptOf(test), JSON.stringify(all.get(test)));
  });
  if (broken.length > 0) throw new Error(`tests fail without a mutant\n${broken.join('\n')}`);
  return tests.map((test) => ({ test, ...all.get(test) }));
}

/** Whether one of the tests fails with the mutant; the mutant with what came of it. */
async function outcome(place, { start, end, text, rank, ...mutant }, tests) {
  const file = path.join(place.root, mutant.file);
  const source = read(mutant.file);
  fs.writeFileSync(file, source.slice(0, start) + text + source.slice(end));
  const rest = [...tests];
  let by = null;
  while (rest.length > 0 && by === null) {
    const batch = [];
    do batch.push(rest.shift());
    while (rest.length > 0 && secondsOf(batch) < BATCH);
    const idle = SLACK + Math.ceil(PATIENCE * Math.max(...batch.map(({ seconds }) => seconds)));
    const limit = SLACK + PATIENCE * secondsOf(batch);
    const files = batch.map(({ test }) => test);
    by = (await ava(place, files, { idle, limit })).failed;
  }
  fs.writeFileSync(file, source);
  return { ...mutant, by, tests: tests.length };
}

/** The tests that reach a mutant, in the order in which they run. */
function testsOf({ file, start }, reached, limit) {
  const isReached = (parts = []) => parts.findLastIndex((at) => at <= start) % 2 === 0;
  const distance = ({ test }) =>
    roomOf(test) !== roomOf(file) ? 2 : nounOf(test) === nounOf(file) ? 0 : 1;
  const tests = reached.filter(
    ({ test, parts }) =>
      isReached(parts[file]) && (file.startsWith('tools/') || !test.startsWith(OF_TOOLS)),
  );
  tests.sort((a, b) => distance(a) - distance(b) || a.seconds - b.seconds);
  return tests.slice(0, limit);
}

/** The mutants of a folder or file, in the order of the seed if they are sampled. */
function made(folder, { sample, seed }) {
  const files = listFiles(ROOT).filter((file) => SOURCES.test(file));
  const own = files.filter((file) => file === folder || file.startsWith(`${folder}/`));
  if (own.length === 0) throw new Error(`there is no source in ${folder}`);
  const all = own.flatMap((file) =>
    mutantsOf(read(file)).map((mutant) => ({ folder, file, ...mutant })),
  );
  const seen = new Map();
  for (const mutant of all) {
    const text = [seed, mutant.file, mutant.original, mutant.mutated].join('\0');
    seen.set(text, (seen.get(text) ?? 0) + 1);
    mutant.rank = hash(text, seen.get(text));
  }
  const chosen =
    sample === undefined ? all : all.sort((a, b) => (a.rank < b.rank ? -1 : 1)).slice(0, sample);
  return { folder, count: all.length, chosen };
}

/** `memory`, `arena/window.js`, `tools/report`, or nothing: a folder or file of the package for each. */
function foldersOf(named) {
  const rooms = listFiles(ROOT).filter((file) => SOURCES.test(file));
  if (named.length === 0) return [...new Set(rooms.map((file) => file.split('/', 2).join('/')))];
  return named.map((name) => (/^(?:lib|tools)(?:\/|$)/.test(name) ? name : `lib/${name}`));
}

function options() {
  const number = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ sample: number, limit: number, jobs: number },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
    },
  });
  for (const name of ['sample', 'limit', 'jobs']) {
    const value = Number(values[name] ?? 1);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be an integer >= 1`);
  }
  const { seed, json, sample, limit = Infinity, jobs = os.availableParallelism() } = values;
  const folders = foldersOf(positionals.map((name) => name.replace(/\/$/, '')));
  return { folders, seed, json, sample, ...{ limit: +limit, jobs: +jobs } };
}

program(async () => {
  const { folders, json, jobs, limit, ...how } = options();
  const picked = folders.map((folder) => made(folder, how));
  const mutants = picked.flatMap(({ chosen }) => chosen);
  const rooms = new Set(foldersOf([]).map(roomOf));
  const tests = [
    ...filesOf(ROOT, 'run-time').filter((test) => !test.startsWith(OF_TOOLS)),
    ...filesOf(ROOT, 'tools').filter((test) => rooms.has(roomOf(test))),
  ];
  if (mutants.some(({ file }) => file.startsWith('tools/')))
    tests.push(...filesOf(ROOT, 'all').filter((test) => test.startsWith(OF_TOOLS)));
  const copies = Array.from({ length: jobs }, copy);
  const reached = await allReached(copies, tests);
  const results = [];
  await onEach(copies, mutants, async (place, mutant) => {
    const result = await outcome(place, mutant, testsOf(mutant, reached, limit));
    results.push(result);
    results.sort((a, b) => placeOf(a).localeCompare(placeOf(b), 'en', { numeric: true })); // for diff
    if (json !== undefined) fs.writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
    if (result.by !== null) return;
    const { file, line, original, mutated } = result;
    const why = result.tests === 0 ? ': no test reaches it' : '';
    console.log(`SURVIVED ${file}:${line}${why}\n- ${original}\n+ ${mutated}`);
  });
  const countOf = (all) => {
    const survived = all.filter(({ by }) => by === null).length;
    return `${all.length - survived} killed, ${survived} survived`;
  };
  for (const { folder, count } of picked) {
    const own = results.filter((result) => result.folder === folder);
    console.log(`${folder}: ${countOf(own)}, of ${count} made`);
  }
  const all = picked.reduce((sum, { count }) => sum + count, 0);
  console.log(`mutants: ${countOf(results)}, of ${all} made`);
  process.exitCode = results.every(({ by }) => by !== null) ? 0 : 1;
});
