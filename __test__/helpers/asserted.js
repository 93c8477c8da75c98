'use strict';

// What helpers ask of a test, for programs that are none.

const assert = require('node:assert');

/** Has the assertions of `t` that helpers/endings/ use; end() does what teardown() was given. */
function asserted() {
  const ends = [];
  return {
    is: assert.strictEqual,
    true: (value, ...message) => assert.strictEqual(value, true, ...message), // Node 26 takes no undefined one
    deepEqual: assert.deepStrictEqual,
    throwsAsync: (promise) => assert.rejects(promise),
    pass() {},
    fail: assert.fail,
    teardown: (end) => ends.unshift(end),
    async end() {
      for (const end of ends.splice(0)) await end();
    },
  };
}

module.exports = { asserted };
