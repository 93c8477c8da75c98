'use strict';
// tier: tools

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: no byte is lost, and
// none handed out twice.

const test = require('ava');
const { addsUp } = require('../helpers/cut-off.js');

const OPERATIONS = ['alloc', 'grow', 'large', 'free', 'freeInFlight', 'collect'];

for (const [how, kind] of [
  ['stack', 'plain'],
  ['stack', 'autoFree'],
  ['timeout', 'autoFree'],
]) {
  const what = how === 'stack' ? 'a stack that ends in' : 'a timeout of vm that stops';
  test(`${what} any call loses no byte (${kind})`, async (t) => {
    await addsUp(t, 'region/cut-off.js', [how, kind], OPERATIONS);
  });
}
