// Compares two reports line by line, to show the effect of a change.

import { h } from './dom.mjs';
import { bytes, change, percent, perSecond } from './format.mjs';
import { breakable, functionOf, nameOf } from './place.mjs';
import { table } from './table.mjs';

const VERDICTS = { more: 'more', less: 'less', same: 'about the same', new: 'new', gone: 'gone' };

/** A change in words and colour. */
const verdict = ({ verdict: kind }) => h(`span.verdict.${kind}`, VERDICTS[kind]);

function figure(name, before, after, show) {
  const changed =
    before > 0
      ? ` (${after >= before ? '+' : '−'}${percent(Math.abs(after - before) / before)})`
      : '';
  return h(
    'div',
    h('dt', name),
    h('dd', h('span.before', show(before)), ' → ', h('strong', show(after)), changed),
  );
}

/** @param {{ comparison: { rows: object[] }, before: object, after: object }} reports */
export function compareSection({ comparison, before, after }, open) {
  const known = new Set(after.lines.map(({ key }) => key));
  const place = (row) => [
    known.has(row.key)
      ? h('button.line', { type: 'button', onclick: () => open(row.key) }, breakable(nameOf(row)))
      : breakable(nameOf(row)),
    h('span.function', [functionOf(row) ?? row.sources[0], row.was && ` (was line ${row.was})`]),
  ];
  const columns = [
    { title: 'Line', value: nameOf, show: place },
    {
      title: 'Before',
      number: true,
      value: (row) => row.before.perSecond,
      show: (row) => perSecond(row.before.perSecond),
    },
    {
      title: 'After',
      number: true,
      value: (row) => row.after.perSecond,
      show: (row) => perSecond(row.after.perSecond),
    },
    {
      title: 'Change',
      number: true,
      value: (row) => Math.abs(row.change),
      show: (row) => [`${change(row.change)}/s`, verdict(row)],
    },
    {
      title: 'Alive before',
      number: true,
      value: (row) => row.before.live,
      show: (row) => bytes(row.before.live),
    },
    {
      title: 'Alive after',
      number: true,
      value: (row) => row.after.live,
      show: (row) => bytes(row.after.live),
    },
  ];
  const rate = ({ whole, seconds }) => whole.bytes / seconds;
  const young = ({ whole, seconds }) => whole.young / seconds;
  return h(
    'section',
    { id: 'compare' },
    h('h2', 'Before and after'),
    h(
      'dl.figures',
      figure('Allocated', rate(before), rate(after), perSecond),
      figure('Allocated in all', before.whole.bytes, after.whole.bytes, bytes),
      figure('Died within a second', young(before), young(after), perSecond),
      figure('Alive at the end', before.whole.live, after.whole.live, bytes),
      figure('Resident (RSS) at the end', before.whole.rss, after.whole.rss, bytes),
    ),
    h(
      'p.note',
      `Before: ${before.name}, ${Math.round(before.seconds)} s. After: ${after.name}, ${Math.round(after.seconds)} s. Lines are compared in bytes a second, which suits servers; where a program does one piece of work and ends, the time that it took is in that, and only what it allocated in all tells. A change is called one when it is more than the estimates may be off by, and more than 5 %. Lines are found again by file, function and code, also when they have moved.`,
    ),
    table({
      caption: 'What changed, line by line',
      columns,
      rows: comparison.rows,
      sortable: true,
      first: 3,
      empty: 'Neither allocated anything.',
    }).element,
  );
}
