'use strict';
// tier: run-time

// A budget whose charge is cut off. What budgets refuse, and what the errors say: mistakes/limits.test.js, budget/budget.test.js.

const test = require('ava');
const { Budget } = require('../../lib/memory/budget.js');

const about = { option: 'maxBytes', of: 'request arenas', name: '' };

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
  const levels = [new Budget(about, 1)];
  for (let i = 0; i < 60; i++) levels.push(new Budget(about, 1, levels.at(-1)));
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
