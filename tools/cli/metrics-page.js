'use strict';

// A page of metrics that a server has for Prometheus, whatever made it: fetched and read. Of the text formats of Prometheus and OpenMetrics it reads what both have:
// lines of series. No package is loaded for that. The page is another's: it may be of any size, slow, and of any letters.

const querystring = require('node:querystring');
const { UsageError } = require('./exit.js');

const WAIT_MS = 10_000;
const MOST_BYTES = 64 * 2 ** 20; // once it is decompressed; 11,000 series have 1 MB

const NAME = /([a-zA-Z_:][\w:]*)?\s*(\{\s*)?/y;
/** One without a name is the name of the metric, as Prometheus 3 writes those that are no words. */
const LABEL = /(?:(\w+)\s*=\s*)?"([^"\\]*(?:\\.[^"\\]*)*)"\s*(?:,\s*)?/y;
const VALUE = /\s*([-+.\w]+)(?:\s|$)/y;

const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));

const foreseen = (address, why) =>
  Object.assign(new Error(`${withoutPassword(address)}: ${why}`), { code: 'ERR_METRICS_PAGE' });

/** `ralloc_x` without what may stand before it, for ours. */
const OURS = /(?:^|[_:])(ralloc_\w+)$/;

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** { key, name, labels, value } of a line, undefined where it is none of the format. `key`: of the series. */
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

/** Name → [{ labels, value }], undefined where a line is none of the format. Of a series that is there twice the first counts, as for Prometheus. */
function parse(text) {
  const [page, keys] = [new Map(), new Set()];
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const series = seriesOf(line);
    if (series === undefined) return undefined;
    if (keys.has(series.key)) continue;
    keys.add(series.key);
    if (!page.has(series.name)) page.set(series.name, []);
    page.get(series.name).push(series);
  }
  return page;
}

/** The URL of an address; undefined where it is none. `localhost:3000` is one of http, and without a path it is of /metrics. */
function urlOf(address) {
  const full = address.includes('://') ? address : `http://${address}`;
  if (!/^https?:/i.test(full) || !URL.canParse(full)) return undefined;
  const url = new URL(full);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

/** An address as it may be shown. */
const withoutPassword = (address) => address.replace(/^([^/]*\/\/)?[^/]*@/, '$1');

function checkAddress(address) {
  if (urlOf(address) === undefined || /^\d+$/.test(address))
    throw new UsageError(
      `${withoutPassword(address)} is no address. Write it as http://localhost:3000/metrics`,
    );
}

/** fetch() takes no address with a user and a password. */
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

/** Rejects with why there is no answer, in one line. `signal` ends it before its time. */
async function ask(address, { signal, waitMs = WAIT_MS }) {
  const [url, headers] = requestOf(address);
  const end = new AbortController();
  const stop = () => end.abort(new Error('it was stopped'));
  const late = () => end.abort(new Error(`within ${waitMs / 1000} s`));
  const timer = setTimeout(late, waitMs);
  signal?.addEventListener('abort', stop);
  try {
    const response = await fetch(url, { headers, signal: end.signal });
    if (response.status === 200) return await textOf(response, address);
    throw foreseen(address, `answers with ${response.status}, and not with metrics`);
  } catch (error) {
    if (error.code === 'ERR_METRICS_PAGE') throw error;
    const { code, message } = error.cause ?? error;
    // Of ports that are those of other services, in browsers too.
    if (message === 'bad port') throw foreseen(address, 'fetch() asks no server on such a port');
    throw foreseen(address, `no answer (${code ?? message})`);
  } finally {
    end.abort(); // what is left of it
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** The series of a page that has some of ralloc's, by name. */
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

/** What stands for the page of a server that does not answer with metrics. */
function failed(cause) {
  if (cause.code === undefined) throw cause; // a fault of ours
  return { error: cause.message, cause };
}

/** Sum of the series of a name; undefined without any. */
const sumOf = (page, name) => page.get(name)?.reduce((sum, { value }) => sum + value, 0);

module.exports = { checkAddress, failed, readPage, sumOf, withoutPassword };
