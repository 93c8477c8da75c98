'use strict';

// Draws the pictures of the dashboard in examples/grafana/ that docs/guide/metrics.md shows:
//
//   node scripts/dashboard-picture.js [SECONDS]
//
// A server is under load for a minute, a Prometheus of its own (scripts/ci/get-readers.js) scrapes it, and answers the dashboard's queries; uPlot draws the answers in
// Chromium, in light and in dark. It is no screenshot of Grafana: neither Debian nor npm has its server.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { launchChromium } = require('../__test__/helpers/browser.js');
const { startPrometheus } = require('../__test__/helpers/prometheus.js');

const GRAFANA = path.join(__dirname, '..', 'examples', 'grafana');
const UPLOT = path.join(path.dirname(require.resolve('uplot')), 'uPlot.iife.min.js');
const THEMES = ['light', 'dark'];
const MOST_CLIENTS = 100;
const UPLOAD = Buffer.alloc(200_000);
const MEMORY = 2 ** 31; // of the server
const STEP_S = 1;
const WIDTH = 1200;
const COLOURS = 32; // of a picture

/** Clients at a time, as a share of all: more and more, a rush, and few again. */
const clientsAt = (share) =>
  share > 0.55 && share < 0.7 ? MOST_CLIENTS : 4 + 16 * Math.sin(Math.PI * share);

/** Asks a server for so many seconds. What it refuses is a part of the picture. */
async function load(url, seconds) {
  const start = performance.now();
  const shareNow = () => (performance.now() - start) / 1000 / seconds;
  const client = async (_, index) => {
    for (let n = index; shareNow() < 1; n++) {
      if (index >= clientsAt(shareNow())) {
        await sleep(50);
        continue;
      }
      const signal = n % 40 === 0 ? AbortSignal.timeout(5) : undefined; // who goes away
      const options = n % 4 === 0 ? { method: 'POST', body: UPLOAD, signal } : { signal };
      const where = n % 4 === 0 ? 'upload' : 'frame';
      await fetch(`${url}/${where}`, options)
        .then((response) => response.arrayBuffer())
        .catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: MOST_CLIENTS }, client));
}

/** The panels of the dashboard in rows: [{ title, panels: [{ title, unit, times, series: [{ name, values }] }] }]. */
async function readPanels({ panels }, range, times) {
  const rows = [];
  for (const { type, title, targets, fieldConfig } of panels) {
    if (type === 'row') {
      rows.push({ title, panels: [] });
      continue;
    }
    const series = [];
    for (const { expr, legendFormat } of targets) {
      const query = expr
        .replaceAll(/\$(job|instance)/g, '.+')
        .replaceAll('$__rate_interval', `${4 * STEP_S}s`);
      for (const { metric, values } of await range(query, times[0], times.at(-1), STEP_S)) {
        const name = legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
        const byTime = new Map(values.map(([time, value]) => [time, Number(value)]));
        series.push({ name, values: times.map((time) => byTime.get(time) ?? null) });
      }
    }
    rows.at(-1).panels.push({ title, unit: fieldConfig.defaults.unit, times, series });
  }
  return rows;
}

async function record(seconds) {
  const ends = [];
  const execArgv = [`--data=${MEMORY}`, process.execPath];
  const server = fork(path.join(GRAFANA, 'server.js'), ['0'], { execPath: 'prlimit', execArgv });
  try {
    const [port] = await once(server, 'message');
    const target = `127.0.0.1:${port}`;
    const scope = { teardown: (end) => ends.push(end) };
    const { query, range } = await startPrometheus(scope, [target]);
    while ((await query('ralloc_build_info')).length === 0) await sleep(100);
    const start = Math.ceil(Date.now() / 1000);
    await load(`http://${target}`, seconds);
    const times = Array.from({ length: seconds / STEP_S }, (_, i) => start + i * STEP_S);
    const dashboard = JSON.parse(fs.readFileSync(path.join(GRAFANA, 'dashboard.json'), 'utf8'));
    return await readPanels(dashboard, range, times);
  } finally {
    server.kill();
    for (const end of ends) await end();
  }
}

const STYLE = `
  body { --ink: #24292f; --page: #f4f5f5; --panel: #fff; --grid: #e4e5e6; font: 12px sans-serif;
    color: var(--ink); background: var(--page); margin: 0; padding: 8px; width: ${WIDTH - 16}px }
  body.dark { --ink: #ccccdc; --page: #111217; --panel: #181b1f; --grid: #2c3037 }
  h2 { font-size: 13px; margin: 10px 4px 4px }
  section { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px }
  figure { background: var(--panel); border: 1px solid var(--grid); margin: 0; padding: 6px 8px }
  figcaption { font-weight: bold; margin-bottom: 4px }
  p { margin: 4px 0 0; height: 30px; overflow: hidden; line-height: 15px }
  p span { margin-right: 10px; white-space: nowrap }
  i { display: inline-block; width: 12px; height: 3px; margin-right: 4px; vertical-align: 3px }
  .u-legend { display: none }
  .u-wrap, .uplot canvas { position: relative; display: block }
  .u-over, .u-under, .u-axis, .u-select, .u-cursor-x, .u-cursor-y { position: absolute; display: none }
`;

/** In the browser, which has `uPlot`. */
function drawRows(rows, isDark) {
  const lightColours = '#1a7f37 #0969da #bc4c00 #8250df #cf222e #6e7781 #9a6700 #1b7c83';
  const darkColours = '#3fb950 #58a6ff #f0883e #bc8cff #f85149 #8b949e #d29922 #39c5cf';
  const colours = (isDark ? darkColours : lightColours).split(' ');
  document.body.className = isDark ? 'dark' : 'light';
  const style = getComputedStyle(document.body);
  const [ink, grid] = ['--ink', '--grid'].map((name) => style.getPropertyValue(name).trim());
  const add = (parent, tag, text = '') => {
    const element = document.createElement(tag);
    element.textContent = text;
    return parent.appendChild(element);
  };
  const scaled = (value, step, units) => {
    const power = value < step ? 0 : Math.floor(Math.log(value) / Math.log(step));
    return `${Number((value / step ** power).toPrecision(3))} ${units[power]}`.trim();
  };
  const show = {
    bytes: (value) => scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB']),
    Bps: (value) => `${scaled(value, 1000, ['B', 'kB', 'MB', 'GB'])}/s`,
    ops: (value) => `${value}/s`,
    reqps: (value) => `${value}/s`,
    percentunit: (value) => `${Math.round(100 * value)} %`,
    short: (value) => `${value}`,
  };
  const powers = { bytes: Array.from({ length: 50 }, (_, power) => 2 ** power) };
  for (const row of rows) {
    add(document.body, 'h2', row.title);
    const section = add(document.body, 'section');
    for (const { title, unit, times, series } of row.panels) {
      const figure = add(section, 'figure');
      add(figure, 'figcaption', title);
      const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
      const lines = series.map((_, index) => ({
        stroke: colours[index % colours.length],
        width: 1.5,
        points: { show: false },
      }));
      const options = {
        width: 366,
        height: 130,
        cursor: { show: false },
        scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? 1.1 * most : 1] } },
        axes: [
          { ...axis, size: 20, space: 40, values: (_plot, marks) => marks.map((s) => `${s} s`) },
          {
            ...axis,
            size: 62,
            incrs: powers[unit],
            values: (_plot, marks) => marks.map(show[unit]),
          },
        ],
        series: [{}, ...lines],
      };
      const seconds = times.map((time) => time - times[0]);
      options.scales.x = { time: false };
      new window.uPlot(options, [seconds, ...series.map(({ values }) => values)], figure);
      const legend = add(figure, 'p');
      series.forEach(({ name }, index) => {
        const entry = add(legend, 'span');
        add(entry, 'i').style.background = colours[index % colours.length];
        entry.append(name);
      });
    }
  }
}

/** A picture of rows of panels, as a PNG. */
async function draw(browser, rows, theme) {
  const sharp = require('sharp'); // has no binary for each platform of the tests
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 800 } });
  try {
    await page.setContent(`<!doctype html><meta charset="utf-8"><style>${STYLE}</style><body>`);
    await page.addScriptTag({ path: UPLOT });
    await page.evaluate(
      ([all, isDark, source]) => new Function(`return ${source}`)()(all, isDark),
      [rows, theme === 'dark', drawRows.toString()],
    );
    const png = await page.screenshot({ fullPage: true });
    return await sharp(png).png({ palette: true, colours: COLOURS, effort: 10 }).toBuffer();
  } finally {
    await page.close();
  }
}

async function main(seconds) {
  const rows = await record(seconds);
  const browser = await launchChromium();
  try {
    for (const theme of THEMES) {
      const file = path.join(GRAFANA, `dashboard-${theme}.png`);
      const picture = await draw(browser, rows, theme);
      fs.writeFileSync(file, picture);
      console.log(`${path.relative(process.cwd(), file)}: ${Math.ceil(picture.length / 1000)} kB`);
    }
  } finally {
    await browser.close();
  }
}

if (require.main === module) main(Number(process.argv[2] ?? 60));

module.exports = { draw };
