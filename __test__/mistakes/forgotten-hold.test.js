'use strict';
// tier: run-time

// A hold that nobody releases is told of: whose it is, how many there were, and in debug mode where it was taken.

const test = require('ava');
const { run } = require('../helpers/child.js');

const message =
  "a hold of the arena 'frames' was not released within 0.02 s; its memory now waits for the garbage collector. RALLOC_DEBUG=full shows where it was taken";

for (const value of ['', '0', 'off']) {
  test(`RALLOC_DEBUG=${value}: the warning names the arena, and a counter goes up`, async (t) => {
    const { result } = await run('base/hold-forgotten.js', { env: { RALLOC_DEBUG: value } });
    const expected = [{ code: 'RALLOC_HOLD_EXPIRED', message }];
    t.deepEqual(result, { warnings: expected, expired: { holds: 1, operations: 0 } });
  });
}

test('RALLOC_DEBUG=full: the warning has the stack of the hold that is open', async (t) => {
  const { result } = await run('base/hold-forgotten.js', { env: { RALLOC_DEBUG: 'full' } });
  const [{ code, message }] = result.warnings;
  t.is(result.warnings.length, 1);
  t.is(code, 'RALLOC_W_HOLD_LEAKED');
  t.regex(message, /^a hold of the arena 'frames' is not released after \d+ ms\n/);
  t.regex(message, /held at\n {4}at forgetsItsHold \(.*hold-forgotten\.js:13:/);
  t.deepEqual(result.expired, { holds: 1, operations: 0 });
});
