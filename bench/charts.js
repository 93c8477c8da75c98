'use strict';

// The chart of README: requests/s of ralloc where allocUnsafe's are 1, a bar for each mix and Node;
// and memory over time. Pure.

const { ABOUT } = require('../demo/screen.js');
const { summaryOf } = require('./method/results.js');
const { differs } = require('../tools/compare/statistics.js');

const WIDTH = 800;
const [LEFT, RIGHT] = [286, 606]; // of the bars
const TOP = 62;
const BAR = 16;
const STEP = 22; // from one bar to the next of a mix
const GAP = 16; // between mixes

const COLOURS = {
  light: {
    ...{ text: '#1f2328', muted: '#59636e', line: '#d1d9e0', one: '#59636e' },
    ...{ better: '#0969da', worse: '#cf222e', none: '#aeb7c0' },
  },
  dark: {
    ...{ text: '#f0f6fc', muted: '#9198a1', line: '#3d444d', one: '#9198a1' },
    ...{ better: '#4493f8', worse: '#f85149', none: '#656c76' },
  },
};

const escaped = (text) => String(text).replace(/[&<>"]/g, (one) => `&#${one.codePointAt(0)};`);

const round = (value) => Number(value.toFixed(1));

function text(x, y, content, { fill, size = 13, anchor = 'start', bold = false }) {
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}"${weight}>${escaped(content)}</text>`;
}

const line = (x1, y1, x2, y2, stroke, more = '') =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}"${more}/>`;

const versionOf = (node) => node.split('.').slice(0, 2).join('.');

/** `better`, `worse` or `none`; more of it is better. */
function judge(ratio) {
  if (!differs(ratio)) return 'none';
  return ratio.value > 1 ? 'better' : 'worse';
}

const whole = (value) => Math.round(value).toLocaleString('en-US');

function barOf({ node, base, ralloc }, y, at, colours) {
  const ratio = ralloc.ratio.rps;
  const verdict = judge(ratio);
  const middle = y + BAR / 2;
  const [low, high] = [at(ratio.low), at(ratio.high)];
  const figures = `${whole(base.median.rps)} → ${whole(ralloc.median.rps)}`;
  return [
    text(LEFT - 10, y + 12.5, `Node ${node}`, { fill: colours.muted, anchor: 'end' }),
    `<rect x="${LEFT}" y="${y}" width="${round(at(ratio.value) - LEFT)}" height="${BAR}" rx="2" fill="${colours[verdict]}"/>`,
    line(low, middle, high, middle, colours.text, ' stroke-width="1.5"'),
    ...[low, high].map((x) =>
      line(x, middle - 3, x, middle + 3, colours.text, ' stroke-width="1.5"'),
    ),
    text(RIGHT + 12, y + 12.5, differs(ratio) ? `${ratio.value.toFixed(2)} ×` : '≈', {
      fill: colours.text,
      bold: true,
    }),
    text(WIDTH - 4, y + 12.5, figures, { fill: colours.muted, anchor: 'end' }),
  ];
}

function mixOf(mix, bars, y, at, colours) {
  return [
    text(4, y + 12.5, mix, { fill: colours.text, size: 14, bold: true }),
    text(4, y + 29, ABOUT[mix], { fill: colours.muted, size: 12 }),
    ...bars.flatMap((bar, n) => barOf(bar, y + n * STEP, at, colours)),
  ];
}

/**
 * For each mix the bars of all Nodes that ran it, the oldest first: `[{ mix, bars: [{ node, base,
 * ralloc }] }]`.
 */
function barsOf(results) {
  const inOrder = results.toSorted((a, b) => Number.parseFloat(a.node) - Number.parseFloat(b.node));
  return Object.keys(ABOUT).flatMap((mix) => {
    const bars = inOrder
      .filter(({ scenario }) => scenario === mix)
      .map((result) => {
        const [base, ...others] = summaryOf(result);
        const ralloc = others.find(({ name }) => name === 'ralloc');
        return { node: versionOf(result.node), base, ralloc };
      });
    return bars.length > 0 ? [{ mix, bars }] : [];
  });
}

/** @param {'light' | 'dark'} theme */
function chart(results, theme) {
  const colours = COLOURS[theme];
  const groups = barsOf(results);
  const ratios = groups.flatMap(({ bars }) => bars.map(({ ralloc }) => ralloc.ratio.rps));
  // The ends of very wide intervals are cut off.
  const ends = ratios.map(({ value, high }) => Math.min(high, 1.3 * value));
  const most = Math.ceil(Math.max(1.5, ...ends) * 2) / 2;
  const at = (ratio) => LEFT + (Math.min(Math.max(0, ratio), most) / most) * (RIGHT - LEFT);
  const tops = [];
  let y = TOP;
  for (const { bars } of groups) {
    tops.push(y);
    y += Math.max(2, bars.length) * STEP + GAP;
  }
  const bottom = y - GAP + 4;
  const ticks = Array.from({ length: most * 2 + 1 }, (_, n) => n / 2);
  const title = 'Requests per second: ralloc relative to Buffer.allocUnsafe';
  const parts = [
    text(4, 20, title, { fill: colours.text, size: 16, bold: true }),
    text(4, 42, 'Longer is better. Thin lines: 95 % interval. ≈: no difference.', {
      fill: colours.muted,
    }),
    text(WIDTH - 4, 42, 'allocUnsafe → ralloc', { fill: colours.muted, anchor: 'end' }),
    ...ticks.map((tick) => line(at(tick), TOP - 6, at(tick), bottom, colours.line)),
    ...groups.flatMap(({ mix, bars }, n) => mixOf(mix, bars, tops[n], at, colours)),
    line(at(1), TOP - 6, at(1), bottom, colours.one, ' stroke-width="1.5" stroke-dasharray="4 3"'),
    ...ticks.map((tick) =>
      text(at(tick), bottom + 16, tick === 0 ? '0' : `${tick} ×`, {
        ...{ fill: colours.muted, size: 12, anchor: 'middle' },
      }),
    ),
  ];
  return svgOf(title, Math.ceil(bottom + 24), parts);
}

/** A picture of these parts. */
function svgOf(title, height, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">`,
    `<title>${escaped(title)}</title>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

const [HEIGHT, X, Y] = [300, [50, 676], [262, 62]]; // of memory over time: the ends of its axes
const STEP_MB = 50; // from one line of the grid to the next
const LABELS = { plain: 'express.raw()', ralloc: 'rawBody()' }; // of the application raw-1m

/** The lines of memory over time: `[{ label, points, most, last }]`, in seconds and whole MB. */
const memoryOf = (results) =>
  results.at(-1).rows.map(({ name, points }) => ({
    label: LABELS[name],
    points: points.map(([at, rss]) => [at, rss / 1e6]),
    most: Math.round(Math.max(...points.map(([, rss]) => rss)) / 1e6),
    last: Math.round(points.at(-1)[1] / 1e6),
  }));

/** @param {'light' | 'dark'} theme */
function memoryChart(results, theme) {
  const { node, load } = results.at(-1);
  const lines = memoryOf(results);
  const colours = COLOURS[theme];
  const most = Math.ceil(Math.max(...lines.map((one) => one.most)) / STEP_MB) * STEP_MB;
  const end = Math.max(...lines.map(({ points }) => points.at(-1)[0]));
  const x = (seconds) => X[0] + (seconds / end) * (X[1] - X[0]);
  const y = (megabytes) => Y[0] - (megabytes / most) * (Y[0] - Y[1]);
  const small = { fill: colours.muted, size: 12 };
  const title = 'Memory of an Express server that takes bodies of 1 MiB';
  const strokes = [colours.worse, colours.better];
  const about = `RSS in MB, Node ${versionOf(node)}: ${load.rate} requests a second, none after ${load.seconds} seconds.`;
  const grid = Array.from({ length: most / STEP_MB + 1 }, (_, n) => n * STEP_MB);
  const seconds = Array.from({ length: Math.floor(end / 5) + 1 }, (_, n) => n * 5);
  const pathOf = (points) => points.map(([at, mb]) => `${x(at).toFixed(1)},${y(mb).toFixed(1)}`);
  const parts = [
    text(4, 20, title, { fill: colours.text, size: 16, bold: true }),
    text(4, 42, about, { fill: colours.muted }),
    ...grid.flatMap((one) => [
      line(X[0], y(one), X[1], y(one), colours.line),
      text(X[0] - 8, y(one) + 4, one, { ...small, anchor: 'end' }),
    ]),
    ...seconds.map((one) => text(x(one), Y[0] + 18, `${one} s`, { ...small, anchor: 'middle' })),
    line(x(load.seconds), Y[1] - 6, x(load.seconds), Y[0], colours.one, ' stroke-dasharray="4 3"'),
    ...lines.flatMap(({ label, points }, n) => [
      `<polyline points="${pathOf(points).join(' ')}" fill="none" stroke="${strokes[n]}" stroke-width="2"/>`,
      text(X[1] + 10, y(points.at(-1)[1]) + 4, label, { fill: strokes[n], bold: true }),
    ]),
  ];
  return svgOf(title, HEIGHT, parts);
}

/**
 * Each picture: its file without the theme, the bench whose results it shows, and what makes it of
 * them.
 */
const CHARTS = [
  ['docs/chart', 'demo', chart],
  ['docs/memory', 'memory', memoryChart],
];

module.exports = { CHARTS, WIDTH, barsOf, memoryOf };
