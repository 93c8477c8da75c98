'use strict';
// tier: tools

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: no slot is lost, and
// none handed out twice.

const test = require('ava');
const { backend } = require('../../lib/memory/native.js');
const { addsUp } = require('../helpers/cut-off.js');

const OPERATIONS = [
  ...['alloc', 'tryAlloc', 'free', 'freeMany', 'freeInFlight', 'freeInFlightOfSeveral'],
  ...['use', 'send', 'receive'],
];
const isNative = backend === 'native';

for (const [safety, sharing] of [
  ['checked', 'own'],
  ['recycle', 'own'],
  ...(isNative ? [['recycle', 'shared']] : []),
]) {
  test(`a stack that ends in any call loses no slot (${sharing}, ${safety})`, async (t) => {
    await addsUp(t, 'slab/cut-off.js', ['stack', safety, sharing], OPERATIONS);
  });
}

// What a stopped script had in use() it had: no finally runs then.
test('a timeout of vm that stops any call loses no slot', async (t) => {
  const operations = OPERATIONS.filter((one) => one !== 'use');
  const sharing = isNative ? 'shared' : 'own';
  await addsUp(t, 'slab/cut-off.js', ['timeout', 'checked', sharing], operations);
});
