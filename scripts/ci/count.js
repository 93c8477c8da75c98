'use strict';

// Turns the logs of .ci/run's steps into one true line, `N passed, N failed`.
//
//   node scripts/ci/count.js RESULTS     RESULTS: a line per step, `exit code <TAB> name <TAB> log file <TAB> seconds`

const fs = require('node:fs');
const path = require('node:path');
const { selfTest } = require('./summary-cases.js');
const { countAll, failuresIn } = require('./summary.js');

function readSteps(results) {
  return fs
    .readFileSync(results, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [code, name, log, seconds] = line.split('\t');
      return { code: Number(code), name, log: fs.readFileSync(log, 'utf8'), seconds };
    });
}

function report(steps) {
  const { counts, flaky, passed, failed } = countAll(steps);
  const width = Math.max(0, ...counts.map(({ name }) => name.length));
  // Beside its step, and last: who sees but a part of the output sees what failed.
  const failures = counts.map(({ failed }, index) =>
    failed > 0 ? failuresIn(steps[index].log) : [],
  );
  for (const [index, count] of counts.entries()) {
    const verdict = count.failed > 0 ? 'FAIL' : 'ok  ';
    console.log(
      `${verdict} ${count.name.padEnd(width)}  ${steps[index].seconds.padStart(4)} s  ${count.passed} passed, ${count.failed} failed`,
    );
    for (const line of failures[index]) console.log(`     ${line}`);
  }
  for (const [index, { name }] of counts.entries()) {
    for (const line of failures[index]) console.log(`${name}: ${line}`);
  }
  for (const line of flaky) console.log(line);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

if (process.argv.includes('--self-test')) selfTest();
else process.exitCode = report(readSteps(path.resolve(process.argv[2]))) ? 0 : 1;
