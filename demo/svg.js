'use strict';

// The chart of README: requests/s of ralloc where allocUnsafe's are 1, a bar for each mix and Node. Pure.

const { times, judge, whole } = require('./figures.js');
const { ABOUT } = require('./screen.js');

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

function barOf({ node, base, ralloc }, y, at, colours) {
  const ratio = ralloc.ratio.rps;
  const verdict = judge(ratio, true);
  const middle = y + BAR / 2;
  const [low, high] = [at(ratio.low), at(ratio.high)];
  const figures = `${whole(base.rps)} → ${whole(ralloc.rps)}`;
  return [
    text(LEFT - 10, y + 12.5, `Node ${versionOf(node)}`, { fill: colours.muted, anchor: 'end' }),
    `<rect x="${LEFT}" y="${y}" width="${round(at(ratio.value) - LEFT)}" height="${BAR}" rx="2" fill="${colours[verdict]}"/>`,
    line(low, middle, high, middle, colours.text, ' stroke-width="1.5"'),
    ...[low, high].map((x) =>
      line(x, middle - 3, x, middle + 3, colours.text, ' stroke-width="1.5"'),
    ),
    text(RIGHT + 12, y + 12.5, times(ratio), { fill: colours.text, bold: true }),
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

/** For each mix the bars of all Nodes that ran it: `[{ mix, bars: [{ node, base, ralloc }] }]`. */
function barsOf(all) {
  return Object.keys(ABOUT).flatMap((mix) => {
    const bars = all.flatMap(({ node, mixes }) =>
      mixes.filter((one) => one.mix === mix).map(({ base, ralloc }) => ({ node, base, ralloc })),
    );
    return bars.length > 0 ? [{ mix, bars }] : [];
  });
}

/**
 * @param {object[]} all what `figuresOfAll()` gives
 * @param {'light' | 'dark'} theme
 */
function chart(all, theme) {
  const colours = COLOURS[theme];
  const groups = barsOf(all);
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

module.exports = { COLOURS, WIDTH, barsOf, chart, line, svgOf, text, versionOf };
