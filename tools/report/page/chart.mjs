// Charts by uPlot, in the colours of the page. What they show is in a table beside them too, so screen readers pass over them.

import uPlot from 'uplot';
import { colour, h, onTheme, onWidth } from './dom.mjs';
import { bytes, clock, duration } from './format.mjs';
import { asTable } from './table.mjs';

const HEIGHT = 220;
/** Dashes, so that lines can be told apart without colours. */
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [4, 4], [1, 4]];
const BORDERS = ['solid', 'dashed', 'dotted', 'dashed', 'dashed', 'dotted'];
const MOST_ROWS = 24;

/** Times of day as labels of an axis, as precise as the distance between its marks needs. */
function times(_plot, marks, _axis, _space, step) {
  return marks.map((second) => {
    const iso = new Date(second * 1000).toISOString();
    if (step >= 86_400) return iso.slice(5, 10);
    return step >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
  });
}

function axes(extra) {
  const style = { stroke: () => colour('muted'), grid: { stroke: () => colour('grid'), width: 1 } };
  const ticks = { stroke: () => colour('grid'), width: 1, size: 6 };
  return extra.map((axis) => ({ ...style, ticks, font: '12px system-ui, sans-serif', ...axis }));
}

/** Draws a chart as wide as its place; adapts it when the width or the colours change. */
function draw(place, options, data) {
  let plot;
  let width = 0;
  const make = () => {
    plot?.destroy();
    plot = new uPlot({ ...options(width), width, height: HEIGHT }, data, place);
  };
  onWidth(place, (now) => {
    width = now;
    if (plot === undefined) make();
    else plot.setSize({ width, height: HEIGHT });
  });
  onTheme(() => width > 0 && make());
}

const figure = (title, place, ...more) => h('figure', h('figcaption', title), place, more);

/** Some of the rows, the last one among them. */
function thinned(length) {
  const step = Math.max(1, Math.ceil(length / MOST_ROWS));
  const all = Array.from({ length }, (_, index) => index);
  return all.filter((index) => (length - 1 - index) % step === 0);
}

/**
 * Lines over the time of day.
 * @param {{ title: string, start: number, seconds: number[], series: { name: string, values: number[], fill?: boolean }[],
 * show: (value: number) => string }} options `start`: ms since 1970
 */
export function overTime({ title, start, seconds, series, show = bytes }) {
  const place = h('div.chart', { 'aria-hidden': 'true' });
  const x = seconds.map((second) => start / 1000 + second);
  const options = () => ({
    // Marks at round times of UTC.
    tzDate: (second) => uPlot.tzDate(new Date(second * 1000), 'Etc/UTC'),
    // The data do not change: `live` makes the legend show the values under the pointer.
    legend: { live: true, markers: { width: 3, dash: (_, index) => BORDERS[index - 1] } },
    cursor: { drag: { x: true, y: false } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: axes([
      { space: 80, values: times },
      { size: 74, values: (_, list) => list.map((value) => show(value)) },
    ]),
    series: [
      { label: 'Time (UTC)', value: (_, second) => (second === null ? '–' : clock(second * 1000)) },
      ...series.map(({ name, fill }, index) => ({
        label: name,
        stroke: () => colour(`series-${index + 1}`),
        fill: fill ? () => colour('fill') : undefined,
        width: 2,
        dash: DASHES[index],
        points: { show: seconds.length < 3 },
        value: (_, value) => show(value),
      })),
    ],
  });
  draw(place, options, [x, ...series.map(({ values }) => values)]);
  const rows = thinned(seconds.length).map((index) => ({ index }));
  const columns = [
    { title: 'Time (UTC)', show: ({ index }) => clock(x[index] * 1000) },
    ...series.map(({ name, values }) => ({
      title: name,
      number: true,
      show: ({ index }) => show(values[index]),
    })),
  ];
  return figure(title, place, asTable({ caption: title, columns, rows }));
}

const LIFETIMES = [
  ['died', 'died'],
  ['until', 'died by then at the latest'],
  ['alive', 'alive at the end, by age'],
];

/** A chart of how long bytes lived, by the buckets of the profile. Each bar is stacked: died, died by then at the latest, alive. `all`: the buckets that the axis spans. */
export function lifetimes({ title, buckets, all = buckets }) {
  const place = h('div.chart.bars', { 'aria-hidden': 'true' });
  const first = Math.min(...all.map(({ from }) => stepOf(from)));
  const last = Math.max(...all.map(({ from }) => stepOf(from)), first + 8);
  const steps = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const at = new Map(buckets.map((bucket) => [stepOf(bucket.from), bucket]));
  const sums = steps.map(() => 0);
  const stacked = LIFETIMES.map(([name]) =>
    steps.map((step, index) => {
      sums[index] += at.get(step)?.[name] ?? 0;
      return sums[index];
    }),
  );
  const used = LIFETIMES.map(([name, label], index) => ({ name, label, index })).filter(
    ({ name }) => buckets.some((bucket) => bucket[name] > 0),
  );
  const bars = uPlot.paths.bars({ size: [0.86, 60], align: 1 });
  const options = () => ({
    legend: {
      live: false,
      markers: {
        width: 0,
        fill: (_, series) => colour(`life-${LIFETIMES[used.toReversed()[series - 1].index][0]}`),
      },
    },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [first, last + 1] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: axes([
      {
        splits: () => marks(first, last + 1),
        values: (_, list) => list.map((step) => duration(roundOf(step))),
        space: 40,
      },
      { size: 74, values: (_, list) => list.map((value) => bytes(value)) },
    ]),
    series: [
      { label: 'Lived for' },
      // The tallest first, because the others are drawn over it.
      ...used.toReversed().map(({ name, label }) => ({
        label,
        paths: bars,
        points: { show: false },
        width: 0,
        fill: () => colour(`life-${name}`),
      })),
    ],
  });
  draw(place, options, [steps, ...used.toReversed().map(({ index }) => stacked[index])]);
  const columns = [
    {
      title: 'Lived for',
      show: ({ from, to }) =>
        to === null ? `${duration(from)} or more` : `${duration(from)} to ${duration(to)}`,
    },
    ...LIFETIMES.map(([name, label]) => ({
      title: label,
      number: true,
      show: (bucket) => bytes(bucket[name]),
    })),
  ];
  return figure(title, place, asTable({ caption: title, columns, rows: buckets }));
}

/** The bucket that begins with this lifetime. There are two buckets to each doubling. */
const stepOf = (from) => (from === 0 ? 0 : Math.round(2 * Math.log2(from)) + 1);
const startOf = (step) => (step === 0 ? 0 : 2 ** ((step - 1) / 2));

/** The round lifetimes, in ms, that label the axis: 1, 10, 100 ms, 1 s … */
const NAMED = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 864e5, 864e6];
const marks = (first, last) =>
  NAMED.map((ms) => 2 * Math.log2(ms) + 1).filter((at) => at >= first && at <= last);

/** The round number that a place of the axis stands for. */
const roundOf = (step) => NAMED.find((ms) => Math.abs(stepOf(ms) - step) < 0.51) ?? startOf(step);
