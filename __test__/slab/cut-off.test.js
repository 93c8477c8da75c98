'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: no slot is lost, and
// none handed out twice.

const test = require('ava');
const { backend } = require('../../lib/memory/native.js');
const { addsUp } = require('../helpers/cut-off.js');

const OPERATIONS = [
  ...['alloc', 'tryAlloc', 'free', 'freeMany', 'freeInFlight', 'freeInFlightOfSeveral'],
  ...['use', 'send', 'receive'],
];
const sharings = backend === 'native' ? ['own', 'shared'] : ['own'];

for (const sharing of sharings) {
  for (const safety of ['checked', 'recycle']) {
    test(`a stack that ends in any call loses no slot (${sharing}, ${safety})`, async (t) => {
      await addsUp(t, 'slab/cut-off.js', ['stack', safety, sharing], OPERATIONS);
    });
  }
  // What a stopped script had in use() it had: no finally runs then.
  test(`a timeout of vm that stops any call loses no slot (${sharing})`, async (t) => {
    const operations = OPERATIONS.filter((one) => one !== 'use');
    await addsUp(t, 'slab/cut-off.js', ['timeout', 'checked', sharing], operations);
  });
}
