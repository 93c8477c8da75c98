'use strict';

// Shows that tests are certain: each file of run-time 20 times, several at a time, while burners take CPU away from them.
//
//   npm run test:stress -- [--rounds 20] [--jobs 4] [--burners 2] [FILE…]
//
// What has run is in target/stress/, by Node and backend: stopped and started again it goes on where it was; `--again` begins anew. Prints
// each failure when it comes, with the file that has its output, and `N passed, N failed` (runs of files) in the end.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { run } = require('./lib/test-run.js');
const { filesOf } = require('./lib/tiers.js');

const ROOT = path.join(__dirname, '..');
const BACKEND = process.env.RALLOC_BACKEND === 'js' ? '-js' : '';
const FOLDER = path.join(ROOT, 'target', 'stress', `${process.version}${BACKEND}`);

function refuse(message) {
  console.error(`stress: ${message}`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '20' },
        jobs: { type: 'string', default: '4' },
        burners: { type: 'string', default: '2' },
        again: { type: 'boolean', default: false },
      },
    });
    for (const name of ['rounds', 'jobs', 'burners'])
      if (!/^\d{1,4}$/.test(values[name]))
        refuse(`--${name} must be an integer, not ${values[name]}`);
    return { ...values, named: positionals.map((file) => path.relative(ROOT, path.resolve(file))) };
  } catch (error) {
    return refuse(error.message);
  }
}

/** How often each file has run and how often it failed, from the lines of the runs before. */
function readDone(log) {
  const done = new Map();
  if (!fs.existsSync(log)) return done;
  for (const line of fs.readFileSync(log, 'utf8').split('\n').filter(Boolean)) {
    const { file, passed } = JSON.parse(line);
    const one = done.get(file) ?? { passed: 0, failed: 0 };
    one[passed ? 'passed' : 'failed']++;
    done.set(file, one);
  }
  return done;
}

const runsOf = (done, file) => (done.get(file)?.passed ?? 0) + (done.get(file)?.failed ?? 0);

/** Round by round, so that a run that is stopped has seen all files. */
function* planned(files, rounds, done) {
  for (let round = 1; round <= rounds; round++)
    for (const file of files) if (runsOf(done, file) < round) yield { file, round };
}

async function runOne({ file, round }, log) {
  const { results, output, status } = await run(ROOT, [file]);
  const titles = results.get(file).failures.map(({ title }) => title);
  const passed = status === 0 && titles.length === 0;
  fs.appendFileSync(log, `${JSON.stringify({ file, round, passed, titles })}\n`);
  if (passed) return;
  const name = `${file.replace(/^__test__\//, '').replaceAll('/', '-')}-${round}.log`;
  fs.writeFileSync(path.join(FOLDER, name), output);
  console.log(
    `FAIL ${file} › ${titles.join(', ')}    ${path.relative(ROOT, path.join(FOLDER, name))}`,
  );
}

async function main() {
  const { rounds, jobs, burners, again, named } = readArguments();
  const known = filesOf(ROOT, 'run-time', false);
  const absent = named.find((file) => !known.includes(file));
  if (absent !== undefined) refuse(`there is no file ${absent} in run-time`);
  const files = named.length > 0 ? named : known;
  fs.mkdirSync(FOLDER, { recursive: true });
  const log = path.join(FOLDER, 'runs.jsonl');
  if (again) fs.rmSync(log, { force: true });

  const burning = Array.from({ length: Number(burners) }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  const stopBurning = () => {
    for (const burner of burning) burner.kill('SIGKILL');
  };
  process.once('exit', stopBurning);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

  const plan = planned(files, Number(rounds), readDone(log));
  const work = async () => {
    for (const one of plan) await runOne(one, log);
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(jobs)) }, work));
  stopBurning();

  const done = readDone(log);
  const sum = (key) => files.reduce((total, file) => total + (done.get(file)?.[key] ?? 0), 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}

main();
