'use strict';

// What summary.js must make of a step's log and exit code.

const assert = require('node:assert/strict');
const { countAll, countStep, failuresIn } = require('./summary.js');

const GOOD = 'ok   slab: 12 passed, 0 failed in 3 files\n12 passed, 0 failed, 2 skipped\n';
const BAD = [
  'FAIL slab: 2 passed, 1 failed in 3 files',
  'FAIL __test__/slab/free.test.js    again: npx ava __test__/slab/free.test.js',
  '\u001b[31m2 passed, 1 failed\u001b[39m',
].join('\n');
const BAD_LINES = [
  'FAIL slab: 2 passed, 1 failed in 3 files',
  'FAIL __test__/slab/free.test.js    again: npx ava __test__/slab/free.test.js',
];
const flaky = (file) => `flaky: __test__/${file}.test.js › a title\n3 passed, 0 failed\n`;
const CARGO = [
  'test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s',
  'test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out',
].join('\n');

/** [name, exit code, log, passed, failed] */
const STEPS = [
  ['tests, good', 0, GOOD, 12, 0],
  ['tests, bad, in colour', 1, BAD, 2, 1],
  ['tests that pass, and types that do not', 1, GOOD, 12, 1],
  ['one flaky file', 0, flaky('a'), 3, 0],
  ['no such file', 2, 'test: there is no such file in that tier\n', 0, 1],
  ['coverage too low', 1, 'ERROR: Coverage for lines (80%) does not meet threshold', 0, 1],
  ['cargo', 101, CARGO, 9, 3],
  ['cargo that does not compile', 101, 'error[E0425]: cannot find value', 0, 1],
  ['lint', 1, 'lint: 6 passed, 1 failed', 6, 1],
  ['a plain step', 0, '', 1, 0],
  ['a plain step that fails', 1, 'whatever', 0, 1],
  ['killed by the time limit', 124, '', 0, 1],
  ['talk of tests is no summary', 0, 'we saw 5 passed, 0 failed here\n', 1, 0],
];

function selfTest() {
  for (const [name, code, log, passed, failed] of STEPS) {
    const count = countStep({ code, log });
    assert.deepEqual([count.passed, count.failed], [passed, failed], name);
  }
  assert.deepEqual(failuresIn(BAD), BAD_LINES);
  assert.deepEqual(failuresIn(GOOD), []);
  const steps = STEPS.map(([name, code, log]) => ({ name, code, log }));
  const all = countAll(steps);
  assert.deepEqual([all.passed, all.failed], [46, 11]);
  const more = countAll([...steps, { name: 'another', code: 0, log: flaky('b') }]);
  assert.deepEqual([more.passed, more.failed, more.flaky.length], [49, 12, 2], 'two flaky files');
  const same = countAll([...steps, { name: 'elsewhere', code: 0, log: flaky('a') }]);
  assert.equal(same.failed, 11, 'one file that is flaky twice');
  assert.equal(countAll([]).failed, 1, 'no step is a failure');
  const noTests = countAll([{ name: 'install', code: 0, log: '' }]);
  assert.deepEqual([noTests.passed, noTests.failed], [1, 1], 'no test is a failure');
  console.log(`self-test: ${STEPS.length} steps as they should be`);
}

module.exports = { selfTest };
