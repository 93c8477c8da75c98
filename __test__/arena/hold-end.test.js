'use strict';

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

const rejections = {
  'an unhandled rejection stays unhandled': ['unhandled', 1],
  'a handled rejection stays handled': ['handled', 0],
  'a rejection that is handled late is neither hidden nor doubled': ['late', 0],
};

for (const [what, [mode, exit]] of Object.entries(rejections)) {
  test(`under a hold ${what}`, async (t) => {
    const { code, stdout, stderr, result } = await run('arena/hold-rejects.js', { args: [mode] });
    t.is(code, exit, stderr);
    if (mode === 'unhandled') t.regex(stderr, /Error: mine/, stdout);
    else t.deepEqual(result, { unhandled: mode === 'late' ? 1 : 0, dead: true });
  });
}

test('a hold keeps no process alive', async (t) => {
  const { code, signal } = await run('arena/hold-exits.js');
  t.deepEqual([code, signal], [0, null]);
});
