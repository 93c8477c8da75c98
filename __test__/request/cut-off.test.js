'use strict';

// A stack overflow, which programs catch, can end the middleware at any of its calls.

const test = require('ava');
const { run } = require('../helpers/child.js');

test('a request that begins or ends where the stack ends leaves nothing in flight or leased', async (t) => {
  const { result, stderr } = await run('request/cut-off.js', { execArgv: ['--stack-size=120'] });
  t.deepEqual(result?.problems, [], stderr);
  t.true(result.cuts > 0);
});
