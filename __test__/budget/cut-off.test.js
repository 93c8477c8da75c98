'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop a budget's own JavaScript anywhere: no byte is counted twice or lost, and who waits is served.

const test = require('ava');
const { addsUp } = require('../helpers/cut-off.js');

const OPERATIONS = ['charge', 'release', 'change', 'acquire', 'resize', 'open', 'close'];

test('a stack that ends in any call loses no byte, and nobody who waits', async (t) => {
  await addsUp(t, 'budget/cut-off.js', ['stack'], OPERATIONS);
});

test('a timeout of vm that stops any call loses no byte, and nobody who waits', async (t) => {
  // Where the stack ends, Node ends the process for an abort.
  await addsUp(t, 'budget/cut-off.js', ['timeout'], [...OPERATIONS, 'abort']);
});
