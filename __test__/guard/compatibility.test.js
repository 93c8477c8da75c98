'use strict';
// tier: run-time

// The guard beside others who replace functions of Node, whoever came first: the bytes are right, what they record is
// recorded, and errors are Node's own. dd-trace, jest and vitest are too large to be installed for this; what stands
// for them is a wrapper as shimmer's, and a realm for each registry of modules.

const test = require('ava');
const { createHook } = require('node:async_hooks');
const { run } = require('../helpers/child.js');

const CODES = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ENOENT', 'ENOENT'];
const recordedBy = {
  'graceful-fs': [],
  tracer: ['end', 'request', 'write', 'writeFile'],
  OpenTelemetry: ['POST', 'fs writeFile', 'tcp.connect'],
};

for (const [other, names] of Object.entries(recordedBy)) {
  for (const when of ['before', 'after']) {
    test(`${other} that came ${when} the guard`, async (t) => {
      const { code, stderr, result } = await run('guard/beside.js', {
        args: [other, when, ...names],
      });
      t.is(code, 0, stderr);
      t.deepEqual(result.wrong, []);
      t.deepEqual(result.codes, CODES);
      t.is(result.held, 0);
      const missing = names.filter((name) => !(result.recorded[name] > 0));
      t.deepEqual(missing, [], JSON.stringify(result.recorded));
    });
  }
}

test('what ralloc makes when it is loaded is no open handle to those who count them, as Jest does', (t) => {
  const made = [];
  const hook = createHook({ init: (_id, type, _trigger, resource) => made.push([type, resource]) });
  const path = require.resolve('../../lib/base/time.js');
  const mine = require.cache[path];
  delete require.cache[path];
  hook.enable();
  require('../../lib/base/time.js');
  hook.disable();
  require.cache[path] = mine;
  t.deepEqual(
    made.map(([type]) => type),
    ['RALLOC'],
  );
  t.false(made[0][1].hasRef());
});
