'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop a budget's own JavaScript anywhere: no byte is counted twice or lost, and who waits is served.

const test = require('ava');
const { addsUp } = require('../helpers/cut-off.js');

// Nothing that rejects a promise: where the stack ends then Node ends the process, and on Node 24 a timeout that strikes while a rejection is noted is lost.
const OPERATIONS = ['charge', 'release', 'change', 'acquire', 'resize', 'open', 'close'];

for (const [how, what] of [
  ['stack', 'a stack that ends in'],
  ['timeout', 'a timeout of vm that stops'],
]) {
  test(`${what} any call loses no byte, and nobody who waits`, async (t) => {
    await addsUp(t, 'budget/cut-off.js', [how], OPERATIONS);
  });
}
