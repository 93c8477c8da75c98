'use strict';

// What summary.js must make of a step's log and exit code.

const assert = require('node:assert/strict');
const { countAll, countStep, failuresIn } = require('./summary.js');

const AVA_GOOD = '  ✔ a › b\n  ─\n\n  12 tests passed\n';
const AVA_ONE = '\u001b[32m  1 test passed\u001b[39m\n';
const AVA_BAD = [
  '  ✔ a › b (351ms)',
  '  ✔ a › c',
  '  ✘ [fail]: a › d Error thrown in test',
  '  ─',
  '',
  '  3 tests failed',
  '  1 hook failed',
  '  2 uncaught exceptions',
  '  1 unhandled rejection',
  '  4 tests remained pending after a timeout',
].join('\n');
const AVA_BAD_LINES = [
  '✘ [fail]: a › d Error thrown in test',
  '1 hook failed',
  '2 uncaught exceptions',
  '1 unhandled rejection',
];
const AVA_NONE = '  ✖ Couldn’t find any files to test\n';
const CARGO = [
  'test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s',
  'test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out',
].join('\n');

/** [name, exit code, log, passed, failed] */
const STEPS = [
  ['ava, good', 0, AVA_GOOD, 12, 0],
  ['ava, one, in colour', 0, AVA_ONE, 1, 0],
  ['ava, bad in every way', 1, AVA_BAD, 2, 11],
  ['ava, coverage too low', 1, AVA_GOOD, 12, 1],
  ['ava, no files', 1, AVA_NONE, 0, 1],
  ['ava, an exception though exit 0', 0, `${AVA_GOOD}\n  1 uncaught exception`, 12, 1],
  ['cargo', 101, CARGO, 9, 3],
  ['cargo that does not compile', 101, 'error[E0425]: cannot find value', 0, 1],
  ['lint', 1, 'lint: 6 passed, 1 failed', 6, 1],
  ['a plain step', 0, '', 1, 0],
  ['a plain step that fails', 1, 'whatever', 0, 1],
  ['killed by the time limit', 124, '', 0, 1],
  ['ava, stopped by the time limit', 124, '  ✔ a › b\n  ✔ a › c\n', 2, 1],
  ['talk of tests is no summary', 0, 'we saw that 5 tests passed here\n', 1, 0],
];

function selfTest() {
  for (const [name, code, log, passed, failed] of STEPS) {
    const count = countStep({ code, log });
    assert.deepEqual([count.passed, count.failed], [passed, failed], name);
  }
  assert.deepEqual(failuresIn(AVA_BAD), AVA_BAD_LINES);
  assert.deepEqual(failuresIn(AVA_GOOD), []);
  const steps = STEPS.map(([name, code, log]) => ({ name, code, log }));
  const all = countAll(steps);
  assert.deepEqual([all.passed, all.failed], [58, 22]);
  assert.equal(countAll([]).failed, 1, 'no step is a failure');
  const noTests = countAll([{ name: 'install', code: 0, log: '' }]);
  assert.deepEqual([noTests.passed, noTests.failed], [1, 1], 'no test is a failure');
  console.log(`self-test: ${STEPS.length} steps as they should be`);
}

module.exports = { selfTest };
