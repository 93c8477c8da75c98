'use strict';

// Runs a tier of the tests, or some files of it:
//
//   node scripts/test.js run-time|tools|soak|all [--differs] [FILE…]
//
// Prints a line for each folder (each of tools/), what failed with its output and the command that repeats it, and `N passed, N failed` in the end. A file that fails
// is run once more, alone. If it passes then it counts as passed, and a line `flaky: FILE › TITLE` says so; both outputs are in
// target/flaky/. Two such files in one run are a failure. What ends by a signal, hangs, or compares bytes that are not the same is not run again.

const fs = require('node:fs');
const path = require('node:path');
const { failedIn, printRooms, sum } = require('./lib/rooms.js');
const { run, slashed } = require('./lib/test-run.js');
const { TIERS, filesOf, testFiles } = require('./lib/tiers.js');

const ROOT = process.env.RALLOC_TEST_ROOT ?? path.join(__dirname, '..');
const KEPT = path.join('target', 'flaky');
const MOST_FLAKY = 1; // files in a run
const MOST_LINES = 30; // of what a flaky test said
const FLAG = '--differs';

function refuse(message) {
  console.error(`test: ${message}`);
  process.exit(2);
}

function chosen(args) {
  const [tier, ...rest] = args;
  const tiers = [...TIERS, 'all'];
  if (!tiers.includes(tier)) refuse(`the tier must be one of ${tiers.join(', ')}, not ${tier}`);
  const named = rest
    .filter((one) => one !== FLAG)
    .map((one) => slashed(path.relative(ROOT, path.resolve(one))));
  const flag = named.find((one) => one.startsWith('-'));
  if (flag !== undefined) refuse(`there is no option ${flag}; there is ${FLAG}`);
  const known = new Set(testFiles(ROOT));
  const absent = named.find((file) => !known.has(file));
  if (absent !== undefined) refuse(`there is no test file ${absent}`);
  const files = filesOf(ROOT, tier, rest.includes(FLAG));
  return named.length > 0 ? files.filter((file) => named.includes(file)) : files;
}

const repeat = (file) => {
  const { RALLOC_BACKEND: backend } = process.env;
  return `${backend ? `RALLOC_BACKEND=${backend} ` : ''}npx ava ${file}`;
};

const textOf = ({ failures, printed }) =>
  [...failures.map(({ title, text }) => `${title}\n${text}\n`), printed].join('\n');

/** Both outputs of a flaky file, for whoever looks for its cause. */
function keep(file, first, second) {
  const folder = path.join(ROOT, KEPT);
  const name = `${file.replace(/^__test__\//, '').replaceAll('/', '-')}.log`;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, name), `${first}\n==== alone ====\n${second}`);
}

/** No line of it is one that a step counts. */
const indented = (text) =>
  text
    .trim()
    .split('\n', MOST_LINES)
    .map((line) => `  ${line}`)
    .join('\n');

/** Those that failed, run once more alone where that may count: { flaky: [file, title, text][], broken: [file, output][] }. */
async function again(results, args) {
  const flaky = [];
  const broken = [];
  for (const [file, first] of results) {
    if (first.failures.length === 0) continue;
    if (first.failures.some(({ isFinal }) => isFinal)) {
      broken.push([file, textOf(first)]);
      continue;
    }
    const alone = await run(ROOT, [file], args);
    const second = alone.results.get(file);
    results.set(file, second);
    if (alone.status === 0) {
      keep(file, textOf(first), alone.output);
      flaky.push(...first.failures.map(({ title, text }) => [file, title, text]));
    } else {
      broken.push([file, alone.output]);
    }
  }
  return { flaky, broken };
}

function checkEnvironment() {
  try {
    require('../__test__/helpers/budget.js');
  } catch (error) {
    refuse(error.message);
  }
}

async function main() {
  checkEnvironment();
  const files = chosen(process.argv.slice(2));
  if (files.length === 0) refuse('there is no such file in that tier');
  const { RALLOC_BUDGET: amount, RALLOC_TEST_TIMEOUT: limit = amount === 'soak' ? '40m' : '' } =
    process.env;
  const args = limit === '' ? [] : [`--timeout=${limit}`];

  const { results, output, status } = await run(ROOT, files, args);
  const { flaky, broken } = await again(results, args);
  printRooms(results);
  for (const [file, text] of broken) console.log(`\n==== ${file}\n${text}`);
  for (const [file] of broken) console.log(`FAIL ${file}    again: ${repeat(file)}`);
  // A log is all that is left of a machine of CI.
  for (const [, title, text] of flaky)
    console.log(`\nthe first time, ${title}:\n${indented(text)}`);
  for (const [file, title] of flaky) console.log(`flaky: ${file} › ${title}`);

  let failed = sum([...results.values()], failedIn);
  const unsteady = new Set(flaky.map(([file]) => file)).size;
  if (unsteady > MOST_FLAKY) {
    console.log(`FAIL ${unsteady} flaky files in one run; their outputs are in ${KEPT}`);
    failed++;
  }
  if (status !== 0 && flaky.length + broken.length === 0) {
    console.log(`${output}\nFAIL ava ended with ${status}`);
    failed++;
  }
  const passed = sum([...results.values()], (one) => one.passed);
  const skipped = sum([...results.values()], (one) => one.skipped);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
