'use strict';

// `ralloc compare --metrics A B`: two servers in production with the same traffic, the second
// without ralloc, by their metrics pages.

const { setTimeout: sleep } = require('node:timers/promises');
const { CHARACTER, differs, mean, student } = require('../../compare/statistics.js');
const { figureText, ratioText, wrapped } = require('../../compare/table.js');
const { kindsOf, readPage, serverOf, sumOf } = require('../metrics-page.js');
const { FAILED, OK, UsageError, print, tell } = require('../print.js');
const { INTERRUPTED, untilInterrupted } = require('./interrupt.js');
const { clock } = require('./session.js');

const SLICES = 12;
/** Traffic that differs less, as a share, is the same. */
const SAME = 0.1;
/** A kind of memory with less, as a share of RSS, is not shown. */
const LEAST_KIND = 0.02;

const CPU = ['process_cpu_seconds_total', 'process_cpu_time_seconds_total'];
const DELAY = ['nodejs_eventloop_lag_p99_seconds', 'nodejs_eventloop_delay_p99_seconds'];
const REQUESTS =
  /(?:^|[_:])http_(?:server_)?requests?(?:_duration_(?:milli)?seconds)?_(?:total|count)$/;
const SENT =
  /(?:^|[_:])http_(?:server_)?response_(?:body_)?size(?:_bytes)?_sum$|(?:^|_)bytes_sent_total$/;
const RSS = 'ralloc_process_resident_bytes';
const KINDS = 'ralloc_process_memory_bytes';

const foreseen = (message) => Object.assign(new Error(message), { code: 'ERR_COMPARE_METRICS' });

const named = (page, names) => names.find((name) => page.has(name));
const matching = (pages, pattern) =>
  [...pages[0].keys()].find((name) => pattern.test(name) && pages.every((page) => page.has(name)));

/** The names of what both pages have: `{ cpu, delay, requests, sent }`. */
function namesIn(pages, servers, requests) {
  const cpu = named(pages[0], CPU);
  for (const [at, page] of pages.entries())
    if (cpu === undefined || !page.has(cpu))
      throw foreseen(
        `${servers[at].name}: has no ${CPU[0]}. Add it by promClient.collectDefaultMetrics()`,
      );
  for (const [at, page] of pages.entries())
    if (requests !== undefined && !page.has(requests))
      throw foreseen(`${servers[at].name}: has no ${requests}, which --requests names`);
  const all = { cpu, delay: named(pages[1], DELAY) };
  return { ...all, requests: requests ?? matching(pages, REQUESTS), sent: matching(pages, SENT) };
}

const sampleOf = (page, { cpu, delay, requests, sent }) => ({
  cpu: sumOf(page, cpu),
  delay: delay && sumOf(page, delay),
  requests: requests && sumOf(page, requests),
  sent: sent && sumOf(page, sent),
  rss: sumOf(page, RSS),
  kinds: kindsOf(page, KINDS),
});

/** What grew between two samples of a server; null if it was started anew meanwhile. */
function slice(before, after, seconds) {
  if (after.cpu < before.cpu) return null;
  const grown = (name) => (after[name] === undefined ? undefined : after[name] - before[name]);
  const [cpu, requests, sent] = ['cpu', 'requests', 'sent'].map(grown);
  return {
    cpu: (1e6 * cpu) / seconds,
    perRequest: requests > 0 ? (1e6 * cpu) / requests : undefined,
    rate: requests === undefined ? undefined : requests / seconds,
    sent: sent === undefined ? undefined : sent / seconds,
    ...{ delay: after.delay, rss: after.rss, kinds: after.kinds },
  };
}

/**
 * The ratio of two servers in a figure, `{ name, a, b, ratio, low, high, differs }`; undefined if
 * one does not have it.
 */
function compared(name, slices, figure) {
  const pairs = slices.map(([a, b]) => [figure(a), figure(b)]);
  const able = pairs.filter(([a, b]) => Number.isFinite(Math.log(a / b)));
  const logs = able.map(([a, b]) => Math.log(a / b));
  if (logs.length < 2) return undefined;
  const value = mean(logs);
  const variance = logs.reduce((sum, one) => sum + (one - value) ** 2, 0) / (logs.length - 1);
  const half = student(logs.length - 1) * Math.sqrt(variance / logs.length + CHARACTER ** 2);
  const [a, b] = [0, 1].map((at) => mean(able.map((pair) => pair[at])));
  const [ratio, low, high] = [value, value - half, value + half].map(Math.exp);
  return { name, a, b, ratio, low, high, differs: differs({ low, high }) };
}

function figuresOf(slices) {
  const isLarge = (kind) =>
    slices[0].some(({ kinds, rss }) => (kinds[kind] ?? 0) >= LEAST_KIND * rss);
  const kinds = Object.keys({ ...slices[0][1].kinds, ...slices[0][0].kinds }).filter(isLarge);
  return [
    compared('CPU/request', slices, ({ perRequest }) => perRequest),
    compared('CPU/second', slices, ({ cpu }) => cpu),
    compared('requests/s', slices, ({ rate }) => rate),
    compared('bytes sent/s', slices, ({ sent }) => sent),
    compared('RSS', slices, ({ rss }) => rss),
    ...kinds.map((kind) => compared(`  ${kind}`, slices, (one) => one.kinds[kind])),
    compared('loop delay p99', slices, ({ delay }) => delay && 1000 * delay),
  ].filter(Boolean);
}

const UNITS = { CPU: 'us', 'requests/s': '', bytes: 'bytes', loop: 'ms' };
const textOf = (name, value) =>
  figureText(UNITS[name] ?? UNITS[name.split(/[ /]/)[0]] ?? 'bytes', value);

function linesOf(figures) {
  const line = (cells) =>
    cells
      .map((cell, at) => (at === 0 ? cell.padEnd(20) : cell.padStart(16)))
      .join('')
      .trimEnd();
  const rows = figures.map(({ name, a, b, ratio: value, ...interval }) =>
    line([name, textOf(name, a), textOf(name, b), ratioText({ value, ...interval })]),
  );
  return [line(['', 'first', 'second', 'first/second']), ...rows];
}

/** Whether the traffic was the same, in a sentence. */
function trafficOf(figures) {
  const traffic = ['requests/s', 'bytes sent/s']
    .map((name) => figures.find((one) => one.name === name))
    .find(Boolean);
  if (traffic === undefined)
    return 'Whether the traffic was the same is not known: the pages count neither requests nor bytes. Name the counter: --requests METRIC.';
  const isSame = Math.abs(Math.log(traffic.ratio)) < SAME;
  const told = `${traffic.ratio.toFixed(2)} × the ${traffic.name}`;
  return isSame
    ? `The traffic was the same (${told}).`
    : `The traffic was not the same (${told}): only CPU/request can be compared.`;
}

async function compareMetrics(addresses, { minutes, requests, json: isJson }) {
  if (addresses.length !== 2)
    throw new UsageError('Give two addresses: ralloc compare --metrics URL_A URL_B');
  const servers = addresses.map(serverOf);
  const slices = [];
  let restarts = 0;
  const each = (minutes * 60_000) / SLICES;
  const isInterrupted = await untilInterrupted(async ({ signal }) => {
    const readAll = () => Promise.all(servers.map((one) => readPage(one, { signal })));
    const first = await readAll();
    const names = namesIn(first, servers, requests);
    let before = { at: performance.now(), samples: first.map((page) => sampleOf(page, names)) };
    for (let n = 0; n < SLICES; n++) {
      tell(`ralloc: compare: part ${n + 1} of ${SLICES}: ${clock(each * (SLICES - n))} left`);
      await sleep(each, undefined, { signal });
      const samples = (await readAll()).map((page) => sampleOf(page, names));
      const seconds = (performance.now() - before.at) / 1000;
      const pair = samples.map((sample, at) => slice(before.samples[at], sample, seconds));
      before = { at: performance.now(), samples };
      if (pair.includes(null)) restarts++;
      else slices.push(pair);
    }
  }).catch((error) => {
    if (slices.length < 2) throw error;
    tell(`ralloc: compare: ${error.message}`);
  });
  const figures = slices.length < 2 ? [] : figuresOf(slices);
  const traffic =
    figures.length === 0 ? `Nothing is known before part 3 of ${SLICES}.` : trafficOf(figures);
  if (isJson) print(JSON.stringify({ figures, traffic, restarts }, null, 2));
  else {
    for (const line of linesOf(figures)) print(line);
    if (restarts > 0)
      print(`Left out: ${restarts} of ${SLICES} parts, in which a server was started anew.`);
    for (const line of wrapped(traffic)) print(line);
  }
  if (isInterrupted) return INTERRUPTED;
  return figures.length > 0 ? OK : FAILED;
}

module.exports = { compareMetrics };
