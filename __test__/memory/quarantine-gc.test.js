'use strict';
// tier: run-time, differs

const test = require('ava');
const { fresh } = require('../helpers/fresh.js');

/** A pool of which `quarantined` bytes wait; `asked` are the collections that were asked for. */
function pool({ from = Number.POSITIVE_INFINITY, onlyMajor = false, granted = true } = {}) {
  const asked = [];
  const state = { quarantined: 0, granted, looks: 0 };
  const { QuarantineGc } = fresh('memory/quarantine-gc.js', {
    'memory/gc.js': {
      requestGc: (options) => {
        asked.push(options);
        return state.granted;
      },
    },
  });
  const gc = new QuarantineGc(from, onlyMajor);
  const enter = (bytes) => {
    state.quarantined += bytes;
    gc.entered(bytes, {
      get quarantined() {
        state.looks++;
        return state.quarantined;
      },
    });
  };
  return { gc, state, asked, enter };
}

test('an arena asks from its threshold on, and again after half as much more', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 9; i++) enter(10);
  t.is(asked.length, 0);
  t.is(state.looks, 5, 'and does not look before');
  enter(10);
  t.deepEqual(asked, [{ full: false, major: false, urgent: true }]);
  for (let i = 0; i < 4; i++) enter(10);
  t.is(asked.length, 1);
  enter(10);
  t.is(asked.length, 2);
});

test('what came back is not asked for', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 100; i++) {
    enter(10);
    state.quarantined = 0;
  }
  t.is(asked.length, 0);
});

test('requests ask when they are told to', (t) => {
  const { gc, asked, enter } = pool({ onlyMajor: true });
  for (let i = 0; i < 100; i++) enter(2 ** 40);
  t.is(asked.length, 0);
  gc.ask(10);
  t.deepEqual(asked, [{ full: false, major: true, urgent: false }]);
});

const fulls = (asked) => asked.map(({ full }) => full);

test('the young generation is collected three times in vain before all is', (t) => {
  const { gc, asked } = pool();
  for (let i = 0; i < 8; i++) gc.ask(100 + i);
  t.deepEqual(fulls(asked), [false, false, false, true, false, false, false, true]);
});

test('one that helped is not in vain, also when as much waits again', (t) => {
  const { asked, enter, state } = pool({ from: 100 });
  for (let i = 0; i < 10; i++) {
    enter(50);
    enter(50);
    state.quarantined = 0;
    enter(50);
    enter(10);
    state.quarantined = 0;
  }
  t.true(asked.length >= 10);
  t.false(fulls(asked).includes(true));
});

test('what was refused was not in vain', (t) => {
  const { gc, asked, state } = pool({ granted: false });
  for (let i = 0; i < 8; i++) gc.ask(100);
  state.granted = true;
  for (let i = 0; i < 3; i++) gc.ask(100);
  t.false(fulls(asked).includes(true));
});
