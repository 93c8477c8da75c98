'use strict';

// How many tests passed and failed, by the logs and exit codes of .ci/run's steps.
//
// What a runner counted is counted: that of scripts/test.js, cargo's and lint's own summaries. A step without a summary
// is one. A step that ends badly though nothing in its log failed (coverage too low, a crash) is one
// failure more, and so are flaky tests in more than one file of the whole. No test anywhere, or no step at all, is a failure too.
// Skipped tests are in neither sum.

/** Each summary line that a runner prints, with what its numbers mean. */
const SUMMARIES = [
  { pattern: /^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$/, passed: 1, failed: 2 },
  { pattern: /^test result: \w+\. (\d+) passed; (\d+) failed;/, passed: 1, failed: 2 },
  { pattern: /^lint: (\d+) passed, (\d+) failed$/, passed: 1, failed: 2 },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
const COLOUR = /\u001b\[[0-9;]*m/g;

/** What a log says of something that failed: files of tests, cargo's tests, lint's steps, coverage. */
const FAILURE_LINE = /^test .* \.\.\. FAILED$|^FAIL |^ERROR: |^stopped after /;

const MOST_FLAKY = 1; // files in the whole run

const linesOf = (log) => log.replace(COLOUR, '').split(/\r?\n/);

/** @returns {{ passed: number, failed: number, counted: boolean }} what the summaries in `log` say */
function readSummaries(log) {
  const total = { passed: 0, failed: 0, counted: false };
  for (const line of linesOf(log)) {
    for (const { pattern, passed, failed } of SUMMARIES) {
      const match = pattern.exec(line);
      if (!match) continue;
      total.passed += Number(match[passed]);
      total.failed += Number(match[failed]);
      total.counted = true;
    }
  }
  return total;
}

/** @param {{ code: number, log: string }} step */
function countStep({ code, log }) {
  const { passed, failed, counted } = readSummaries(log);
  if (!counted) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, tests: 0 };
  const unexplained = code !== 0 && failed === 0 ? 1 : 0;
  return { passed, failed: failed + unexplained, tests: passed + failed };
}

/** @returns {string[]} what failed, in the log's own lines */
function failuresIn(log) {
  return linesOf(log)
    .filter((line) => FAILURE_LINE.test(line))
    .map((line) => line.trim());
}

const flakyIn = (log) => linesOf(log).filter((line) => line.startsWith('flaky: '));

/** @param {{ name: string, code: number, log: string }[]} steps */
function countAll(steps) {
  const counts = steps.map((step) => ({ name: step.name, ...countStep(step) }));
  const add = (key) => counts.reduce((total, count) => total + count[key], 0);
  const nothingRan = add('tests') === 0 ? 1 : 0;
  const flaky = steps.flatMap(({ log }) => flakyIn(log));
  const files = flaky.map((line) => line.split(' › ')[0]);
  const unsteady = new Set(files).size > MOST_FLAKY ? 1 : 0;
  return { counts, flaky, passed: add('passed'), failed: add('failed') + nothingRan + unsteady };
}

module.exports = { countStep, countAll, failuresIn };
