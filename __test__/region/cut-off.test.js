'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: no byte is lost, and
// none handed out twice.

const test = require('ava');
const { run } = require('../helpers/child.js');

const OPERATIONS = ['alloc', 'grow', 'large', 'free', 'freeInFlight', 'collect'];

async function addsUp(t, ...args) {
  const execArgv = ['--stack-size=120']; // KiB, so that its end is soon there
  const { result, stderr } = await run('region/cut-off.js', { args, execArgv });
  t.deepEqual(result?.problems, [], `${args.join(', ')}: ${stderr}`);
  t.true(result.cuts > 0, args.join(', '));
}

for (const kind of ['plain', 'autoFree']) {
  for (const how of ['stack', 'timeout']) {
    const what = how === 'stack' ? 'a stack that ends in' : 'a timeout of vm that stops';
    test(`${what} any call loses no byte (${kind})`, async (t) => {
      for (const operation of OPERATIONS) await addsUp(t, how, operation, kind);
    });
  }
}
