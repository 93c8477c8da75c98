'use strict';

// Fetches and parses the page of metrics that a server has for Prometheus, whatever library made
// it. Reads the lines of series, which the text formats of Prometheus and OpenMetrics have in
// common, without any package. The page is not trusted: it may be huge or slow, or contain any
// characters.

const querystring = require('node:querystring');
const { itemOf } = require('../../lib/base/item-of.js');
const { UsageError } = require('./print.js');

const WAIT_MS = 10_000;
const MOST_BYTES = 64 * 2 ** 20; // once it is decompressed; 11,000 series have 1 MB

const REASONS = { ECONNREFUSED: 'nothing listens there', ENOTFOUND: 'there is no such host' };

/**
 * A series: its name, labels and value. Other lines are skipped: comments, and quoted names of
 * Prometheus 3, which none of ralloc's is.
 */
const SERIES =
  /^([a-zA-Z_:][\w:]*)(?:\s*\{([^"}]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"}]*)*)\}\s*|\s+)([-+.\w]+)(?:\s|$)/;
const LABEL = /(\w+)\s*=\s*"([^"\\]*(?:\\.[^"\\]*)*)"/g;
/**
 * The name of a metric of ralloc, `ralloc_x`, without a prefix that the application may have added.
 */
const OURS = /(?:^|[_:])(ralloc_\w+)$/;

const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));

const foreseen = ({ name }, why) =>
  Object.assign(new Error(`${name}: ${why}`), { code: 'ERR_METRICS_PAGE' });

/** Parses a page: a Map from a name to [{ labels, value }]. */
function parse(text) {
  const page = new Map();
  for (const line of text.split('\n')) {
    const [, name, inner = '', figure] = SERIES.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const value = Number(figure.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity'));
    const labels = Array.from(inner.matchAll(LABEL), ([, label, of]) => [label, unescaped(of)]);
    const series = { labels: Object.fromEntries(labels), value };
    itemOf(page, OURS.exec(name)?.[1] ?? name, () => []).push(series);
  }
  return page;
}

/**
 * `{ name, url, headers }` of an address. `name` may be shown: user and password are in the headers
 * alone, for fetch() takes no URL with them.
 */
function serverOf(address) {
  const name = address.replace(/^([^/]*\/\/)?[^/]*@/, '$1');
  const full = address.includes('://') ? address : `http://${address}`;
  if (!/^https?:/i.test(full) || !URL.canParse(full) || /^\d+$/.test(address))
    throw new UsageError(`${name} is no address. Write it as http://localhost:3000/metrics`);
  const url = new URL(full);
  if (url.pathname === '/') url.pathname = '/metrics';
  const user = [url.username, url.password].map(querystring.unescape).join(':');
  [url.username, url.password] = ['', ''];
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  return { name, url, headers: user === ':' ? {} : { authorization } };
}

async function textOf(server, signal) {
  const response = await fetch(server.url, { headers: server.headers, signal });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw foreseen(server, `answers with ${response.status}, and not with metrics`);
  }
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw foreseen(server, 'answers with more than 64 MiB');
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/**
 * Resolves with the series of a page, by name, or rejects with the reason in one line, also if none
 * of them is ralloc's. `signal` ends the wait early.
 */
async function readPage(server, { signal, waitMs = WAIT_MS } = {}) {
  const late = AbortSignal.timeout(waitMs);
  const text = await textOf(server, AbortSignal.any([late, signal ?? late])).catch((error) => {
    if (error.code === 'ERR_METRICS_PAGE') throw error;
    const { code, message } = error.cause ?? error;
    const why = late.aborted ? `within ${waitMs / 1000} s` : (REASONS[code] ?? code ?? message);
    throw foreseen(server, `no answer (${why})`);
  });
  const page = parse(text);
  if (page.size === 0) throw foreseen(server, 'answers with what is no page of metrics');
  if (![...page.keys()].some((name) => name.startsWith('ralloc_')))
    throw foreseen(
      server,
      'has no metrics of ralloc. Add them by collectMetrics(), metricsText() or observeMetrics()',
    );
  return page;
}

const sumOf = (page, name) => page.get(name)?.reduce((sum, { value }) => sum + value, 0);

/**
 * Kind -> the value of a metric with the label `kind`, summed, the largest first; those of 0 are
 * left out.
 */
function kindsOf(page, metric) {
  const sums = {};
  for (const { labels, value } of page.get(metric) ?? [])
    sums[labels.kind] = (sums[labels.kind] ?? 0) + value;
  const some = Object.entries(sums).filter(([, value]) => value > 0);
  return Object.fromEntries(some.sort(([, one], [, other]) => other - one));
}

module.exports = { kindsOf, readPage, serverOf, sumOf };
