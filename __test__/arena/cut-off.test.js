'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: an arena that was
// reset has all of its memory, and no Buffer from before is alive.

const test = require('ava');
const { addsUp } = require('../helpers/cut-off.js');

const OPERATIONS = [
  ...['alloc', 'zeroed', 'large', 'text', 'reset', 'scope'],
  ...['checkpoint', 'held', 'guard', 'adopt', 'close', 'reserve'],
];

for (const [how, safety] of [
  ['stack', 'detach'],
  ['stack', 'recycle'],
  ['timeout', 'detach'],
]) {
  const what = how === 'stack' ? 'the end of the stack' : "vm's timeout";
  test(`whatever ${what} cuts off, a reset arena has all of its memory (${safety})`, async (t) => {
    await addsUp(t, 'arena/cut-off.js', [how, safety], OPERATIONS);
  });
}
