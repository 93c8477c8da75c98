'use strict';
// tier: tools

// Two profiles: what changed, line by line.

const test = require('ava');
const { compare } = require('../../../tools/report/compare.js');
const { recording, reportOf: report, site } = require('../../helpers/recorded.js');
const { service } = require('../../helpers/service.js');

const behaviour = (frames, perSecond = 100_000, source = 'Buffer.alloc') => ({
  site: site(source, frames),
  size: 1000,
  perSecond,
  lives: [[1, 3]],
});

/** A report of an application in the folder /v1, /v2 …, of lines and bytes a second. */
const version = (...behaviours) => report(recording({ behaviours, rate: 100 }));
const rowsOf = (before, after) =>
  compare(before, after).rows.map(({ path, line, was, verdict }) => [path, line, was, verdict]);

test('a change is told where it is more than the estimates may be off by', (t) => {
  const before = report(service({ leak: 200_000, seconds: 40 }));
  const after = report(service({ churn: 150_000_000 }));
  const verdicts = compare(before, after).rows.map(({ path, line, label, verdict }) => [
    path === undefined ? label : `${path}:${line}`,
    verdict,
  ]);
  t.deepEqual(verdicts[0], ['rows.js:12', 'more']);
  t.deepEqual(verdicts[1], ['sessions.js:9', 'more']);
  t.true(verdicts.slice(2).every(([, verdict]) => verdict === 'same'));
  const [churn] = compare(before, after).rows;
  t.true(Math.abs(churn.change / 54_000_000 - 1) < 0.1);
});

test('a change of a fifth, by a few samples, is none', (t) => {
  const of = (perSecond, rate) => {
    const one = { ...behaviour(['f /v1/a.js:3:4'], perSecond) };
    return report(recording({ behaviours: [one], rate }));
  };
  const verdict = (rate) => compare(of(100_000, rate), of(120_000, rate)).rows[0].verdict;
  t.is(verdict(100), 'more');
  t.is(verdict(100_000), 'same');
});

test('lines are found again in another folder, and when they have moved', (t) => {
  const before = version(behaviour(['f /v1/a.js:3:4']), behaviour(['g /v1/lib/b.js:9:4']));
  const after = version(behaviour(['f /v2/a.js:5:4']), behaviour(['g /v2/lib/b.js:9:4'], 300_000));
  t.deepEqual(rowsOf(before, after), [
    ['lib/b.js', 9, undefined, 'more'],
    ['a.js', 5, 3, 'same'],
  ]);
});

test('what is new, and what is gone', (t) => {
  const kept = behaviour(['f /v1/a.js:3:4']);
  const before = version(kept, behaviour(['old /v1/lib/b.js:9:4']));
  const after = version(kept, behaviour(['young /v1/lib/c.js:9:4'], 200_000));
  t.deepEqual(rowsOf(before, after), [
    ['lib/c.js', 9, undefined, 'new'],
    ['lib/b.js', 9, undefined, 'gone'],
    ['a.js', 3, undefined, 'same'],
  ]);
});

test('two lines of one function stay apart', (t) => {
  const lines = [behaviour(['f /v1/a.js:3:4'], 100_000), behaviour(['f /v1/a.js:8:4'], 400_000)];
  const moved = [behaviour(['f /v1/a.js:4:4'], 100_000), behaviour(['f /v1/a.js:9:4'], 400_000)];
  const { rows } = compare(version(...lines), version(...moved));
  t.deepEqual(rows.map(({ line, was, verdict }) => [line, was, verdict]).sort(), [
    [4, 3, 'same'],
    [9, 8, 'same'],
  ]);
});

test('streams are found again by kind and route', (t) => {
  const chunks = (route, perSecond) => ({
    ...behaviour([], perSecond),
    site: site('http', [], route),
  });
  const before = version(chunks('POST /a', 100_000), chunks('POST /b', 100_000));
  const after = version(chunks('POST /a', 100_000), chunks('POST /b', 500_000));
  const { rows } = compare(before, after);
  t.deepEqual(
    rows.map(({ routes: [route], verdict }) => [route, verdict]),
    [
      ['POST /b', 'more'],
      ['POST /a', 'same'],
    ],
  );
});
