'use strict';

// A page of metrics that a server has for Prometheus, whatever made it: fetched and read. Of the text formats of Prometheus and OpenMetrics it reads what both have:
// lines of series. No package is loaded for that.

const { UsageError } = require('./exit.js');

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+([-+.\w]+)/;
const LABEL = /\s*([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"\s*,?/gy;
const WAIT_MS = 10_000;

const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));

const foreseen = (address, why) =>
  Object.assign(new Error(`${address}: ${why}`), { code: 'ERR_METRICS_PAGE' });

/** `ralloc_x` without what may stand before it, for ours. */
const OURS = /(?:^|[_:])(ralloc_\w+)$/;

/** [{ name, labels, value }], undefined where a line is none of the format. */
function parse(text) {
  const series = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, inside = '', value] = LINE.exec(line) ?? [];
    if (name === undefined) return undefined;
    const pairs = [...inside.matchAll(LABEL)].map(([, label, held]) => [label, unescaped(held)]);
    const number = Number(value.replace(/^([+-]?)Inf$/, '$1Infinity'));
    series.push({
      name: OURS.exec(name)?.[1] ?? name,
      labels: Object.fromEntries(pairs),
      value: number,
    });
  }
  return series;
}

/** The URL of an address; undefined where it is none. `localhost:3000` is one of http, and without a path it is of /metrics. */
function urlOf(address) {
  const full = /^https?:\/\//.test(address) ? address : `http://${address}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

function checkAddress(address) {
  if (urlOf(address) === undefined)
    throw new UsageError(`${address} is no address. Write it as http://localhost:3000/metrics`);
}

async function ask(address) {
  try {
    const response = await fetch(urlOf(address), { signal: AbortSignal.timeout(WAIT_MS) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const { code, message } = error.cause ?? error;
    throw foreseen(address, `no answer (${code ?? message})`);
  }
}

/** The series of a page that has some of ralloc's. */
async function readPage(address) {
  const { status, text } = await ask(address);
  if (status !== 200) throw foreseen(address, `answers with ${status}, and not with metrics`);
  const series = parse(text);
  if (series === undefined || series.length === 0)
    throw foreseen(address, 'answers with what is no page of metrics');
  if (!series.some(({ name }) => name.startsWith('ralloc_')))
    throw foreseen(
      address,
      'has no metrics of ralloc. Add them by collectMetrics(), metricsText() or observeMetrics()',
    );
  return series;
}

/** Sum of the series of a name, in all or of one label; undefined without any. */
function sumOf(series, name, label, value) {
  const found = series.filter(
    (one) => one.name === name && (label === undefined || one.labels[label] === value),
  );
  return found.length === 0 ? undefined : found.reduce((sum, one) => sum + one.value, 0);
}

module.exports = { checkAddress, readPage, sumOf };
