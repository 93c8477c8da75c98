// Memory over time: which lines grow, and which churn.

import { lifetimes, overTime } from './chart.mjs';
import { h } from './dom.mjs';
import { bytes, duration, errorText, percent, perSecond } from './format.mjs';
import { breakable, functionOf, nameOf } from './place.mjs';
import { table } from './table.mjs';

/** The most lines in a chart: more cannot be told apart. */
const MOST = 6;
/** With fewer slots of 2 s, there is no line to draw. */
const FEWEST_SLOTS = 3;
const TOO_SHORT = 'The recording is too short for a chart over time: it takes 6 s at least.';

const lineColumn = (open) => ({
  title: 'Line',
  value: nameOf,
  show: (line) => [
    h('button.line', { type: 'button', onclick: () => open(line.key) }, breakable(nameOf(line))),
    h('span.function', functionOf(line) ?? line.sources[0]),
  ],
});

const most = (lines, weight) =>
  lines.filter((line) => weight(line) > 0).sort((a, b) => weight(b) - weight(a));

const oldest = ({ lifetimes: buckets }) => buckets.findLast(({ alive }) => alive > 0)?.from;

export function growthSection(report, open) {
  const { timeline, lines, whole } = report;
  const { seconds, start } = timeline;
  const living = most(lines, ({ live }) => live)
    .filter(({ live }) => live > whole.live / 1000)
    .slice(0, 20);
  // A line that lies on the axis would show nothing.
  const drawn = living.filter(({ live }) => live > whole.live / 200).slice(0, MOST);
  const told = ['rss', 'arrayBuffers', 'live'].filter((name) =>
    timeline[name].some((value) => value !== null),
  );
  const names = {
    rss: 'Resident (RSS)',
    arrayBuffers: 'ArrayBuffers',
    live: 'of which the profiler saw',
  };
  const columns = [
    lineColumn(open),
    {
      title: 'Alive at the end',
      number: true,
      value: ({ live }) => live,
      show: ({ live, liveError }) => [bytes(live), ' ', h('span.error', errorText(liveError))],
    },
    {
      title: 'Never died',
      number: true,
      value: (line) => line.live / line.bytes,
      show: (line) => percent(line.live / line.bytes),
    },
    {
      title: 'Growth',
      number: true,
      value: ({ growth }) => growth ?? 0,
      show: ({ growth, grows }) =>
        growth === undefined || growth === null
          ? '–'
          : [perSecond(growth), grows && h('span.badge', 'grows')],
    },
    {
      title: 'Oldest',
      number: true,
      value: (line) => oldest(line) ?? 0,
      show: (line) => (oldest(line) === undefined ? '–' : `over ${duration(oldest(line))}`),
    },
  ];
  const isLong = seconds.length >= FEWEST_SLOTS;
  const hasHistory = lines.some(({ history }) => history.some((value) => value > 0));
  return h(
    'section',
    { id: 'growth' },
    h('h2', 'Growth over time'),
    isLong &&
      h(
        'p',
        `At the end the ArrayBuffers of the process had ${bytes(whole.arrayBuffers)}. ${bytes(whole.notSeen)} of them the profiler did not see: they were made by other means than Buffer’s or before it began, or are dead and not freed yet.`,
      ),
    h(
      'div.charts',
      isLong &&
        told.length > 0 &&
        overTime({
          title: 'Memory of the process',
          start,
          seconds,
          series: told.map((name) => ({ name: names[name], values: timeline[name] })),
        }),
      isLong &&
        hasHistory &&
        drawn.length > 0 &&
        overTime({
          title: 'Alive, by line',
          start,
          seconds,
          series: drawn.map((line) => ({ name: nameOf(line), values: line.history })),
        }),
    ),
    !isLong && h('p.note', TOO_SHORT),
    isLong &&
      lines.length > 0 &&
      !hasHistory &&
      h('p.note', 'A merged profile has no history of single lines.'),
    table({
      caption: 'Bytes that did not die',
      columns,
      rows: living,
      sortable: true,
      first: 1,
      empty: 'Everything died.',
    }).element,
  );
}

export function churnSection(report, open) {
  const { timeline, lines, whole, youngMs, seconds } = report;
  const churning = most(lines, ({ young }) => young).slice(0, 20);
  const columns = [
    lineColumn(open),
    {
      title: 'Dies young',
      number: true,
      value: ({ young }) => young,
      show: ({ young }) => perSecond(young / seconds),
    },
    {
      title: 'of what it allocates',
      number: true,
      value: (line) => line.young / line.bytes,
      show: (line) => percent(line.young / line.bytes),
    },
    {
      title: 'of all churn',
      number: true,
      value: ({ young }) => young,
      show: ({ young }) => percent(young / whole.young),
    },
    {
      title: 'Half within',
      number: true,
      value: ({ median }) => median ?? Infinity,
      show: ({ median }) => (median === null ? '–' : duration(median)),
    },
    {
      title: 'With its request',
      number: true,
      value: (line) => line.withRequest / line.bytes,
      show: (line) =>
        line.withRequest + line.outlived > 0
          ? percent(line.withRequest / (line.withRequest + line.outlived))
          : '–',
    },
  ];
  const hasHistory =
    timeline.seconds.length >= FEWEST_SLOTS && whole.perSecond.some((value) => value > 0);
  return h(
    'section',
    { id: 'churn' },
    h('h2', 'Churn'),
    h(
      'p',
      `${perSecond(whole.young / seconds)} die within ${duration(youngMs)}: ${percent(whole.young / whole.bytes)} of all bytes.`,
    ),
    hasHistory &&
      overTime({
        title: 'Allocated, and dead within a second',
        start: timeline.start,
        seconds: timeline.seconds,
        show: perSecond,
        series: [
          { name: 'Allocated', values: whole.perSecond, fill: true },
          { name: 'Died young', values: whole.youngPerSecond },
        ],
      }),
    table({
      caption: 'Bytes that die young',
      columns,
      rows: churning,
      sortable: true,
      first: 1,
      empty: 'Nothing dies young.',
    }).element,
  );
}

export function lifetimesSection({ lines, whole }) {
  const largest = lines.filter((line) => line.lifetimes.length > 0).slice(0, MOST);
  return h(
    'section',
    { id: 'lifetimes' },
    h('h2', 'Lifetimes'),
    h(
      'p',
      'From allocation to death, in bytes. A death is heard at the next collection: at most some 200 ms late while memory is young; later only a major collection tells, and the lifetime is an upper bound.',
    ),
    h(
      'div.charts',
      whole.lifetimes.length > 0 && lifetimes({ title: 'All lines', buckets: whole.lifetimes }),
      largest.map((line) =>
        lifetimes({ title: nameOf(line), buckets: line.lifetimes, all: whole.lifetimes }),
      ),
    ),
  );
}
