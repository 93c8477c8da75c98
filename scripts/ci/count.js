'use strict';

// node scripts/ci/count.js RESULTS   turns the logs of .ci/run's steps into one true line, `N passed, N failed`. RESULTS: a line per
// step, `exit code <TAB> name <TAB> log file <TAB> seconds`.
//
// What a runner counted is counted: scripts/test.js, cargo and lint. A step without a summary is one. A step that ends badly though nothing
// in its log failed (a crash) is one failure more, and so are flaky tests in more than one file of the whole, and no test
// anywhere. Skipped tests are in neither sum.

const fs = require('node:fs');

/** A summary line that a runner prints. */
const SUMMARY =
  /^(?:lint: )?(\d+) passed, (\d+) failed(?:, \d+ skipped)?$|^test result: \w+\. (\d+) passed; (\d+) failed;/;
/** What a log says of something that failed: files of tests, cargo's tests, lint's checks. */
const FAILURE = /^test .* \.\.\. FAILED$|^FAIL |^stopped after /;
const MOST_FLAKY = 1; // files in the whole run
const SLOWEST = 10;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
const COLOUR = /\u001b\[[0-9;]*m/g;

const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);

function readStep(line) {
  const [code, name, log, seconds] = line.split('\t');
  const lines = fs.readFileSync(log, 'utf8').replace(COLOUR, '').split(/\r?\n/);
  const counts = lines
    .map((text) => SUMMARY.exec(text))
    .filter(Boolean)
    .map(([, passed, failed, ofCargo, failedOfCargo]) => ({
      passed: Number(passed ?? ofCargo),
      failed: Number(failed ?? failedOfCargo),
    }));
  const [passed, failed] = [sum(counts, 'passed'), sum(counts, 'failed')];
  return {
    name,
    seconds: Number(seconds),
    tests: passed + failed,
    passed: counts.length === 0 && code === '0' ? 1 : passed,
    failed: failed === 0 && code !== '0' ? 1 : failed,
    failures: lines.filter((text) => FAILURE.test(text)).map((text) => text.trim()),
    flaky: lines.filter((text) => text.startsWith('flaky: ')),
  };
}

const steps = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter(Boolean).map(readStep);
const width = Math.max(0, ...steps.map(({ name }) => name.length));
for (const { name, seconds, passed, failed, failures } of steps) {
  const verdict = failed > 0 ? 'FAIL' : 'ok  ';
  const took = `${seconds}`.padStart(4);
  console.log(`${verdict} ${name.padEnd(width)}  ${took} s  ${passed} passed, ${failed} failed`);
  if (failed > 0) for (const line of failures) console.log(`     ${line}`);
}
const slowest = steps.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
console.log(`slowest: ${slowest.map(({ name, seconds }) => `${name} ${seconds} s`).join(', ')}`);
// Last once more: who sees but a part of the output sees what failed.
for (const { name, failed, failures } of steps)
  if (failed > 0) for (const line of failures) console.log(`${name}: ${line}`);
const flaky = steps.flatMap((step) => step.flaky);
for (const line of flaky) console.log(line);

const isUnsteady = new Set(flaky.map((line) => line.split(' › ')[0])).size > MOST_FLAKY;
const failed = sum(steps, 'failed') + (isUnsteady ? 1 : 0) + (sum(steps, 'tests') === 0 ? 1 : 0);
console.log(`${sum(steps, 'passed')} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
