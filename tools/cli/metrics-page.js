'use strict';

// Fetches and parses the page of metrics that a server has for Prometheus, whatever library made it. Reads the lines of series, which the text formats of Prometheus and
// OpenMetrics have in common, without any package. The page is not trusted: it may be huge or slow, or contain any characters.

const querystring = require('node:querystring');
const { itemOf } = require('../../lib/base/item-of.js');
const { UsageError } = require('./exit.js');

const WAIT_MS = 10_000;
const MOST_BYTES = 64 * 2 ** 20; // once it is decompressed; 11,000 series have 1 MB

const NAME = /([a-zA-Z_:][\w:]*)?\s*(\{\s*)?/y;
/** A label, or a quoted text without a name: Prometheus 3 writes the name of a metric so if it is no word. */
const LABEL = /(?:(\w+)\s*=\s*)?"([^"\\]*(?:\\.[^"\\]*)*)"\s*(?:,\s*)?/y;
const VALUE = /\s*([-+.\w]+)(?:\s|$)/y;

const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));

const foreseen = (address, why) =>
  Object.assign(new Error(`${withoutPassword(address)}: ${why}`), { code: 'ERR_METRICS_PAGE' });

/** The name of a metric of ralloc, `ralloc_x`, without a prefix that the application may have added. */
const OURS = /(?:^|[_:])(ralloc_\w+)$/;

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Parses a line: { key, name, labels, value }, or undefined if it is invalid. `key` identifies the series. */
function seriesOf(line) {
  const labels = {};
  let [all, name, opens] = matchAt(NAME, line, 0);
  let at = all.length;
  if (opens !== undefined) {
    for (let pair = matchAt(LABEL, line, at); pair !== null; pair = matchAt(LABEL, line, at)) {
      const [whole, label, text] = pair;
      if (label === undefined) name ??= unescaped(text);
      else labels[label] = unescaped(text);
      at += whole.length;
    }
    if (line[at++] !== '}') return undefined;
  }
  const [, text = 'none'] = matchAt(VALUE, line, at) ?? [];
  const value = Number(text.replace(/^([+-]?)inf(inity)?$/i, '$1Infinity'));
  if (name === undefined || (Number.isNaN(value) && !/^[+-]?nan$/i.test(text))) return undefined;
  return { key: line.slice(0, at), name: OURS.exec(name)?.[1] ?? name, labels, value };
}

/** Parses a page: a Map from a name to [{ labels, value }], or undefined if a line is invalid. If a series is there twice, the first counts, as for Prometheus. */
function parse(text) {
  const [page, keys] = [new Map(), new Set()];
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const series = seriesOf(line);
    if (series === undefined) return undefined;
    if (keys.has(series.key)) continue;
    keys.add(series.key);
    itemOf(page, series.name, () => []).push(series);
  }
  return page;
}

/** The URL for an address; undefined if it is invalid. The default scheme is http, the default path /metrics. */
function urlOf(address) {
  const full = address.includes('://') ? address : `http://${address}`;
  if (!/^https?:/i.test(full) || !URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

/** An address that may be shown: without user and password. */
const withoutPassword = (address) => address.replace(/^([^/]*\/\/)?[^/]*@/, '$1');

function checkAddress(address) {
  if (urlOf(address) === undefined || /^\d+$/.test(address))
    throw new UsageError(
      `${withoutPassword(address)} is no address. Write it as http://localhost:3000/metrics`,
    );
}

/** The arguments for fetch(), which takes no URL with a user and password: they become a header. */
function requestOf(address) {
  const url = urlOf(address);
  const user = [url.username, url.password].map(querystring.unescape).join(':');
  [url.username, url.password] = ['', ''];
  const authorization = `Basic ${Buffer.from(user).toString('base64')}`;
  return [url, user === ':' ? {} : { authorization }];
}

async function textOf(response, address) {
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw foreseen(address, 'answers with more than 64 MiB');
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

/** Resolves with the text of the page, or rejects with the reason in one line. `signal` ends the wait early. */
async function ask(address, { signal, waitMs = WAIT_MS }) {
  const [url, headers] = requestOf(address);
  const late = AbortSignal.timeout(waitMs);
  const either = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    const response = await fetch(url, { headers, signal: either });
    if (response.status === 200) return await textOf(response, address);
    await response.body?.cancel();
    throw foreseen(address, `answers with ${response.status}, and not with metrics`);
  } catch (error) {
    if (error.code === 'ERR_METRICS_PAGE') throw error;
    if (late.aborted) throw foreseen(address, `no answer (within ${waitMs / 1000} s)`);
    const { code, message } = error.cause ?? error;
    // fetch() refuses the ports of other services, like browsers.
    if (message === 'bad port') throw foreseen(address, 'fetch() asks no server on such a port');
    throw foreseen(address, `no answer (${code ?? message})`);
  }
}

/** The series of a page, by name. Rejects if none of them is ralloc's. */
async function readPage(address, options = {}) {
  const page = parse(await ask(address, options));
  if (page === undefined || page.size === 0)
    throw foreseen(address, 'answers with what is no page of metrics');
  if (![...page.keys()].some((name) => name.startsWith('ralloc_')))
    throw foreseen(
      address,
      'has no metrics of ralloc. Add them by collectMetrics(), metricsText() or observeMetrics()',
    );
  return page;
}

/** Stands for the page of a server that does not answer with metrics. */
function failed(cause) {
  if (cause.code === undefined) throw cause; // a bug of ralloc
  return { error: cause.message, cause };
}

/** The sum of all series with a name; undefined if there is none. */
const sumOf = (page, name) => page.get(name)?.reduce((sum, { value }) => sum + value, 0);

module.exports = { checkAddress, failed, readPage, sumOf, withoutPassword };
