'use strict';
// tier: run-time

// Holds that are not released within "holdMs": memory waits for them no longer, and each is told once, by the line that took it.

const test = require('ava').serial;
const { Arena } = require('../../lib/index.js');
const { tellWaiting } = require('../../lib/debug/report.js');
const { Clock } = require('../helpers/clock.js');
const { lineAbove, lineOf, watched } = require('../helpers/debug.js');

const HOLD_MS = 1000;

/** An arena in time of its own. */
function holding(t) {
  const clock = new Clock();
  const reports = watched(t);
  const arena = clock.use(() => new Arena({ holdMs: HOLD_MS, name: 'held' }));
  const reset = () => {
    arena.alloc(100);
    arena.reset();
  };
  const rewind = () => {
    const checkpoint = arena.checkpoint();
    arena.alloc(100);
    arena.rewind(checkpoint);
  };
  return {
    arena,
    inTime: clock.use.bind(clock),
    reset: () => clock.use(reset),
    rewind: () => clock.use(rewind),
    pass: (ms) => clock.pass(ms),
    /** `[kind, count, line]` of what came since the last call. */
    told() {
      clock.use(tellWaiting);
      return reports.splice(0).map((one) => [one.kind, one.count, lineOf(one.operation)]);
    },
  };
}

for (const how of ['reset', 'rewind']) {
  test(`${how}: of those that were there, those that are not released are told`, (t) => {
    const { arena, inTime, pass, told, [how]: end } = holding(t);
    const released = inTime(() => arena.hold());
    inTime(() => arena.hold());
    const forgotten = lineAbove();
    released.release();
    end();
    pass(HOLD_MS / 2);
    inTime(() => arena.hold()); // has its own time
    t.deepEqual(told(), []);
    pass(HOLD_MS / 2);
    t.deepEqual(told(), [['hold-leaked', 1, forgotten]]);
    inTime(() => arena.close());
  });

  test(`${how}: each is told once, and those that come behind it too`, (t) => {
    const { arena, inTime, pass, told, [how]: end } = holding(t);
    inTime(() => arena.hold());
    const first = lineAbove();
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), [['hold-leaked', 1, first]]);
    inTime(() => arena.hold());
    const second = lineAbove();
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), [['hold-leaked', 1, second]]);
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), []);
    inTime(() => arena.close());
  });
}
