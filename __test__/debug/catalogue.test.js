'use strict';
// tier: tools, differs by Node

// The catalogue: each program of fixtures/debug/misuses.js has one mistake, and says what debug mode reports of it; marks tell the lines. Those
// of correct.js have none, and nothing is reported.

const test = require('ava');
const { linesOf, markedLines, underDebug } = require('../helpers/catalogue.js');

const misuses = require('../fixtures/debug/misuses.js');

let ran;
let correct;
test.before(async () => {
  [ran, correct] = await Promise.all([
    underDebug('misuses', 'full'),
    underDebug('correct', 'full'),
  ]);
});

for (const [name, { reports: kind, request, throws = false }] of Object.entries(misuses)) {
  test(`full: ${name} is reported as ${kind}`, (t) => {
    const reports = ran.of(name);
    const code = `RALLOC_W_${kind.toUpperCase().replaceAll('-', '_')}`;
    const found = reports.map((one) => [one.kind, one.code, one.request, linesOf(one)]);
    t.deepEqual(found, [[kind, code, request, markedLines(name)]]);
    t.true(ran.stderr.includes(`[${code}] RallocWarning: ${reports[0].message}\n`));
    t.is(ran.met.get(name).threw, throws);
  });
}

test('full: no other reports are made of them', (t) => {
  t.is(ran.reports.length, Object.keys(misuses).length);
});

test('full: nothing is reported of programs without a mistake', (t) => {
  t.deepEqual(correct.reports, []);
  t.notRegex(correct.stderr, /RALLOC_W_/);
  t.is(correct.met.size, 16);
  for (const [what, { threw }] of correct.met) t.false(threw, what);
});
