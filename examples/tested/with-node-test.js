'use strict';

// noLeaks() in tests of node:test. With Jest and Vitest it is the same: `test(name, () => noLeaks(…))`.
//
//   node --test examples/tested/with-node-test.js

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { noLeaks } = require('ralloc/test');
const { Recent } = require('./recent.js');

test('the last messages are kept, and nothing else', () =>
  noLeaks(() => {
    const recent = new Recent(2);
    for (const text of ['a', 'b', 'c']) recent.add(text);
    assert.deepEqual(recent.texts(), ['b', 'c']);
    recent.close();
  }));

test('a test that forgets to close it fails, with the line', async () => {
  const forgets = () => new Recent(2).add('a');
  await assert.rejects(noLeaks(forgets), {
    code: 'ERR_RALLOC_MISUSE',
    message: /at Recent\.add \(.*recent\.js:/,
  });
});
