'use strict';
// tier: tools

const test = require('ava');
const { AS_OF, LINES, ltsOn, objection } = require('../../demo/releases.js');

test('the two newest LTS lines of a day', (t) => {
  t.deepEqual(ltsOn('2026-11-21').slice(0, 2), [26, 24]);
  t.deepEqual(ltsOn('2026-10-01').slice(0, 2), [24, 22]);
  t.deepEqual(ltsOn('2028-12-31'), [26]);
});

test('after the last line of the table its newest is as good as it gets', (t) => {
  t.deepEqual(ltsOn('2040-01-01'), [26]);
});

test('the lines stand in order, and each is LTS before its end', (t) => {
  t.regex(AS_OF, /^20\d\d-\d\d-\d\d$/);
  t.deepEqual(
    LINES.map(({ major }) => major),
    LINES.map(({ major }) => major).sort((a, b) => a - b),
  );
  for (const { lts, end } of LINES) t.true(lts < end);
});

for (const [major, day, says] of [
  [26, '2026-11-21', null],
  [24, '2026-11-21', null],
  [22, '2026-11-21', 'is not one of the two newest LTS lines'],
  [20, '2026-11-21', 'is past its end of life (2026-04-30)'],
  [20, '2026-04-01', 'is not one of the two newest LTS lines'],
  [26, '2026-10-01', 'is not LTS before 2026-10-28'],
  [25, '2026-11-21', 'is not LTS'],
  [27, '2026-11-21', 'is not LTS yet'],
]) {
  test(`Node.js ${major} on ${day} ${says ?? 'is one to judge by'}`, (t) => {
    t.is(objection(major, day), says);
  });
}
