'use strict';
// tier: run-time

// A budget: what it refuses and why, what its parent is charged, and what a call that is cut off
// leaves.

const test = require('ava');
const { RallocError } = require('../../lib/base/errors.js');
const { Budget } = require('../../lib/memory/budget.js');
const { MeasuredBudget } = require('../../lib/memory/measured-budget.js');

const about = (option, name = '', status = undefined) => ({
  option,
  of: 'request arenas',
  name,
  status,
});

test('a refusal tells the option, whose it is, who has the bytes, and the status', (t) => {
  const usage = { parts: ['4 B on the heap'], remedy: 'wait' };
  const budget = new Budget(about('maxHeapBytes', 'api', 503), 10);
  budget.force(4);
  t.is(budget.name, 'api');
  const error = budget.refusal(7, usage);
  t.true(error instanceof RallocError);
  const { code, option, requested, limit, used, status, statusCode } = error;
  t.deepEqual(
    { code, option, requested, limit, used, status, statusCode },
    {
      code: 'ERR_RALLOC_LIMIT',
      option: 'maxHeapBytes',
      requested: 7,
      limit: 10,
      used: 4,
      status: 503,
      statusCode: 503,
    },
  );
  t.is(
    error.message,
    "7 bytes do not fit: 4 of 10 bytes are taken (4 B on the heap). Raise maxHeapBytes of request arenas 'api', or wait",
  );
  budget.name = '';
  t.regex(budget.refusal(7, usage).message, /Raise "maxHeapBytes", or wait$/);
  t.is(new Budget(about('maxBytes'), 1).refusal(2).status, undefined);
});

test('what is counted elsewhere is read there, and refused there', (t) => {
  let used = 5;
  const memory = {
    used: () => used,
    adopt: (bytes) => {
      if (used + bytes > 10) return { kind: 'limit', used, limit: 10 };
      used += bytes;
      return undefined;
    },
    disown: (bytes) => {
      used -= bytes;
    },
  };
  const budget = new MeasuredBudget(about('maxBytes'), 10, memory);
  t.deepEqual([budget.used, budget.room], [5, 5]);
  t.is(budget.fullFor(6), budget);
  const failure = { kind: 'limit', used: 5, limit: 10 };
  t.deepEqual(budget.charge(6), failure);
  t.deepEqual(budget.failureOf(6), failure);
  t.is(budget.charge(5), null);
  t.is(budget.fullFor(1), budget);
  budget.discharge(10);
  t.deepEqual([budget.used, budget.room], [0, 10]);
});

/** Calls `act` at each depth of what is left of the stack, from its end on: how often it was cut off. It is compiled before, which takes more of the stack. */
function atEveryDepth(act) {
  let cuts = 0;
  act();
  const descend = () => {
    try {
      descend();
    } catch {}
    try {
      act();
    } catch {
      cuts++;
    }
  };
  descend();
  return cuts;
}

test('where the stack ends a charge reaches all levels, or none', (t) => {
  const levels = [new Budget(about('maxBytes'), 1)];
  for (let i = 0; i < 60; i++) levels.push(new Budget(about('maxBytes'), 1, levels.at(-1)));
  const last = levels.at(-1);
  const isEven = () => levels.every(({ used }) => used === last.used);
  let charged = 0;
  const cuts = atEveryDepth(() => {
    last.force(1);
    charged++;
  });
  t.true(cuts > 0 && charged > 0);
  t.is(last.used, charged);
  t.true(isEven());
  let discharged = 0;
  t.true(
    atEveryDepth(() => {
      last.discharge(1);
      discharged++;
    }) > 0,
  );
  t.is(last.used, charged - discharged);
  t.true(isEven());
});
