'use strict';

// Shows that tests are certain: each file of run-time 20 times, several at a time, while burners take CPU away from them.
//
//   npm run test:stress -- [--rounds 20] [--jobs 4] [--burners 2] [FILE…]
//
// Round by round, so that a run that is stopped has seen all files. Prints each failure when it comes, with the file in target/stress/ that
// has its output, and `N passed, N failed` (runs of files) in the end.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('./lib/program.js');
const { run } = require('./lib/test-run.js');
const { filesOf } = require('./lib/tiers.js');

const ROOT = path.join(__dirname, '..');
const FOLDER = path.join('target', 'stress');

function readArguments() {
  const number = (fallback) => ({ type: 'string', default: fallback });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: number('20'), jobs: number('4'), burners: number('2') },
  });
  for (const [name, value] of Object.entries(values))
    if (!/^\d{1,4}$/.test(value)) throw new Error(`--${name} must be an integer, not ${value}`);
  const known = filesOf(ROOT, 'run-time', false);
  const named = positionals.map((file) => path.relative(ROOT, path.resolve(file)));
  const absent = named.find((file) => !known.includes(file));
  if (absent !== undefined) throw new Error(`there is no file ${absent} in run-time`);
  const [rounds, jobs, burners] = ['rounds', 'jobs', 'burners'].map((name) => Number(values[name]));
  return { rounds, jobs, burners, files: named.length > 0 ? named : known };
}

/** @returns {Promise<boolean>} whether the file passed */
async function passes(file, round) {
  const { results, output, status } = await run(ROOT, [file]);
  const titles = results.get(file).failures.map(({ title }) => title);
  if (status === 0 && titles.length === 0) return true;
  const log = path.join(FOLDER, `${file.replaceAll('/', '-')}-${round}.log`);
  fs.mkdirSync(path.join(ROOT, FOLDER), { recursive: true });
  fs.writeFileSync(path.join(ROOT, log), output);
  console.log(`FAIL ${file} › ${titles.join(', ')}    ${log}`);
  return false;
}

program(async () => {
  const { rounds, jobs, burners, files } = readArguments();
  const burning = Array.from({ length: burners }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  process.once('exit', () => {
    for (const burner of burning) burner.kill('SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const plan = Array.from({ length: rounds }, (_, round) => files.map((file) => [file, round]));
  const next = plan.flat().values();
  const counts = { passed: 0, failed: 0 };
  const work = async () => {
    for (const [file, round] of next) counts[(await passes(file, round)) ? 'passed' : 'failed']++;
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, work));
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exit(counts.failed === 0 ? 0 : 1);
});
