'use strict';

// RSS over time as a picture, of what bench/memory.js printed. Pure.

const { COLOURS, WIDTH, line, svgOf, text, versionOf } = require('../demo/svg.js');

const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [50, 676, 62, 262];
const STEP = 50; // MB from one line of the grid to the next

const peakOf = ({ points }) => Math.max(...points.map(([, megabytes]) => megabytes));
const lastOf = ({ points }) => points.at(-1)[1];
const shown = (megabytes) => `${Math.round(megabytes)} MB`;

/** What the picture shows, in words. */
function aboutOf({ rows }) {
  const told = rows.map(
    (row) => `${row.name} up to ${shown(peakOf(row))}, ${shown(lastOf(row))} at the end`,
  );
  return `Memory (RSS) over time: ${told.join('; ')}.`;
}

/** @param {'light' | 'dark'} theme */
function memoryChart(results, theme) {
  const { node, load, rows } = results.at(-1);
  const colours = COLOURS[theme];
  const most = Math.ceil(Math.max(...rows.map(peakOf)) / STEP) * STEP;
  const end = Math.max(...rows.map(({ points }) => points.at(-1)[0]));
  const x = (seconds) => LEFT + (seconds / end) * (RIGHT - LEFT);
  const y = (megabytes) => BOTTOM - (megabytes / most) * (BOTTOM - TOP);
  const grid = Array.from({ length: most / STEP + 1 }, (_, n) => n * STEP);
  const seconds = Array.from({ length: Math.floor(end / 5) + 1 }, (_, n) => n * 5);
  const small = { fill: colours.muted, size: 12 };
  const title = `Memory of an Express server that takes bodies of ${load.size / 2 ** 20} MiB`;
  const strokes = [colours.worse, colours.better];
  const parts = [
    text(4, 20, title, { fill: colours.text, size: 16, bold: true }),
    text(
      4,
      42,
      `RSS in MB, Node ${versionOf(node)}: ${load.rate} requests a second, none after ${load.seconds} seconds.`,
      { fill: colours.muted },
    ),
    ...grid.flatMap((one) => [
      line(LEFT, y(one), RIGHT, y(one), colours.line),
      text(LEFT - 8, y(one) + 4, one, { ...small, anchor: 'end' }),
    ]),
    ...seconds.map((one) => text(x(one), BOTTOM + 18, `${one} s`, { ...small, anchor: 'middle' })),
    line(x(load.seconds), TOP - 6, x(load.seconds), BOTTOM, colours.one, ' stroke-dasharray="4 3"'),
    ...rows.flatMap((row, n) => [
      `<polyline points="${row.points.map(([at, rss]) => `${x(at).toFixed(1)},${y(rss).toFixed(1)}`).join(' ')}" fill="none" stroke="${strokes[n]}" stroke-width="2"/>`,
      text(RIGHT + 10, y(lastOf(row)) + 4, row.name, { fill: strokes[n], bold: true }),
    ]),
  ];
  return svgOf(title, HEIGHT, parts);
}

const picture = (results) =>
  [
    '<picture>',
    '  <source media="(prefers-color-scheme: dark)" srcset="../memory-dark.svg">',
    `  <img src="../memory-light.svg" width="${WIDTH}" alt="${aboutOf(results.at(-1))}">`,
    '</picture>',
  ].join('\n');

module.exports = { memoryChart, picture };
