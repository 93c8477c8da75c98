'use strict';
// tier: run-time

const test = require('ava');
const { Arena } = require('../..');
const { stamp, isStamped, isDead } = require('../helpers/bytes.js');
const { run } = require('../helpers/child.js');
const { until } = require('../helpers/until.js');

test('a hold that expires warns, and its memory waits undetached for the collector', async (t) => {
  const { code, result, stderr } = await run('arena/hold-expires.js', {
    execArgv: ['--expose-gc'],
  });
  t.is(code, 0, stderr);
  t.deepEqual(result.warnings, ['RALLOC_HOLD_EXPIRED']);
  t.true(result.intact);
  t.true(result.quarantined > 0);
  t.is(result.held, 0);
  t.true(result.secondIntact);
  t.true(result.cameBack);
});

test('a hold from before an expiry takes no later hold away', async (t) => {
  const arena = new Arena({ holdMs: 20 });
  arena.alloc(10);
  const mark = arena.checkpoint();
  arena.alloc(10);
  const old = arena.hold();
  arena.rewind(mark);
  await until(() => arena.stats().memory.held === 0);
  const buffer = stamp(arena.alloc(10), 1);
  const later = arena.hold();
  old.release();
  arena.reset();
  t.true(isStamped(buffer, 1));
  later.release();
  t.true(isDead(buffer));
  arena.close();
});

test('a hold keeps no process alive', async (t) => {
  const { code, signal, result } = await run('arena/hold-exits.js');
  t.deepEqual([code, signal, result], [0, null, { held: true }]);
});
