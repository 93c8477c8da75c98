'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: no slot is lost, and
// none handed out twice.

const test = require('ava');
const { backend } = require('../../lib/memory/native.js');
const { run } = require('../helpers/child.js');

const OPERATIONS = [
  ...['alloc', 'tryAlloc', 'free', 'freeMany', 'freeInFlight', 'freeInFlightOfSeveral'],
  ...['use', 'send', 'receive'],
];
const sharings = backend === 'native' ? ['own', 'shared'] : ['own'];

for (const sharing of sharings) {
  for (const safety of ['checked', 'recycle']) {
    test(`a stack that ends in any call loses no slot (${sharing}, ${safety})`, async (t) => {
      for (const operation of OPERATIONS) await addsUp(t, 'stack', operation, safety, sharing);
    });
  }
  // What a stopped script had in use() it had: no finally runs then.
  test(`a timeout of vm that stops any call loses no slot (${sharing})`, async (t) => {
    for (const operation of OPERATIONS.filter((one) => one !== 'use')) {
      await addsUp(t, 'timeout', operation, 'checked', sharing);
    }
  });
}

async function addsUp(t, ...args) {
  const execArgv = ['--stack-size=120']; // KiB, so that its end is soon there
  const { result, stderr } = await run('slab/cut-off.js', { args, execArgv });
  t.deepEqual(result?.problems, [], `${args.join(', ')}: ${stderr}`);
  t.true(result.cuts > 0, args.join(', '));
}
