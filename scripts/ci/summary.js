'use strict';

// How many tests passed and failed, by the logs and exit codes of .ci/run's steps.
//
// What a runner counted is counted: ava's, cargo's and lint's own summaries. A step without a summary
// is one. A step that ends badly though nothing in its log failed (coverage too low, a crash) is one
// failure more. No test anywhere, or no step at all, is a failure too. Skipped tests are in neither sum.

/** Each summary line a runner prints, with what its numbers mean. */
const SUMMARIES = [
  { pattern: /^ *(\d+) tests? passed$/, passed: [1], failed: [] },
  { pattern: /^ *(\d+) known failures?$/, passed: [1], failed: [] },
  { pattern: /^ *(\d+) (?:tests?|hooks?) failed$/, passed: [], failed: [1] },
  { pattern: /^ *(\d+) tests? remained pending after a timeout$/, passed: [], failed: [1] },
  { pattern: /^ *(\d+) uncaught exceptions?$/, passed: [], failed: [1] },
  { pattern: /^ *(\d+) unhandled rejections?$/, passed: [], failed: [1] },
  { pattern: /^ *. Couldn.t find any (?:files to test|matching tests)/, passed: [], failed: [] },
  { pattern: /^test result: \w+\. (\d+) passed; (\d+) failed;/, passed: [1], failed: [2] },
  { pattern: /^lint: (\d+) passed, (\d+) failed$/, passed: [1], failed: [2] },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with ESC
const COLOUR = /\u001b\[[0-9;]*m/g;

/** What a log says of something that failed: ava's tests, its sums, cargo's tests, lint's steps, coverage. */
const FAILURE_LINE =
  /^ *✘ \[fail\]: |^ *✖ |^ *\d+ (?:uncaught|unhandled|hooks? failed)|^test .* \.\.\. FAILED$|^FAIL |^ERROR: |^stopped after /;

/** A test that passed. ava names the sum only when nothing failed; else these are counted. */
const PASSED_LINE = /^ +✔ /;

function sum(match, groups) {
  return groups.reduce((total, group) => total + Number(match[group]), 0);
}

/** @returns {{ passed: number, failed: number, counted: boolean }} what the summaries in `log` say */
function readSummaries(log) {
  const total = { passed: 0, failed: 0, counted: false };
  let ticks = 0;
  for (const line of log.replace(COLOUR, '').split(/\r?\n/)) {
    if (PASSED_LINE.test(line)) ticks++;
    for (const { pattern, passed, failed } of SUMMARIES) {
      const match = pattern.exec(line);
      if (!match) continue;
      total.passed += sum(match, passed);
      total.failed += sum(match, failed);
      total.counted = true;
    }
  }
  if (total.passed === 0) total.passed = ticks;
  if (ticks > 0) total.counted = true; // also without a summary: a runner that was stopped
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
  const lines = log.replace(COLOUR, '').split(/\r?\n/);
  return lines.filter((line) => FAILURE_LINE.test(line)).map((line) => line.trim());
}

/** @param {{ name: string, code: number, log: string }[]} steps */
function countAll(steps) {
  const counts = steps.map((step) => ({ name: step.name, ...countStep(step) }));
  const add = (key) => counts.reduce((total, count) => total + count[key], 0);
  const nothingRan = add('tests') === 0 ? 1 : 0;
  return { counts, passed: add('passed'), failed: add('failed') + nothingRan };
}

module.exports = { countStep, countAll, failuresIn };
