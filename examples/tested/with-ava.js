'use strict';

// noLeaks() in tests of ava, which runs those of a file at once: test.serial keeps what others take out of the count.
//
//   npx ava examples/tested/with-ava.js

const test = require('ava');
const { noLeaks } = require('ralloc/test');
const { Recent } = require('./recent.js');

test.serial('the last messages are kept, and nothing else', (t) =>
  noLeaks(() => {
    const recent = new Recent(2);
    for (const text of ['a', 'b', 'c']) recent.add(text);
    t.deepEqual(recent.texts(), ['b', 'c']);
    recent.close();
  }),
);

test.serial('a test that forgets to close it fails, with the line', async (t) => {
  const forgets = () => new Recent(2).add('a');
  const { message } = await t.throwsAsync(noLeaks(forgets), { code: 'ERR_RALLOC_MISUSE' });
  t.regex(message, /a Buffer \(1 B\) of the slab 'recent', for \d+ ms, is not freed/);
  t.regex(message, /at Recent\.add \(.*recent\.js:/);
  t.regex(message, /the slab 'recent' was not closed/);
});
