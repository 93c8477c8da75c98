'use strict';

// The result of `--flood` on one screen. Pure: figures in, lines out.

const BLOCKS = '▁▂▃▄▅▆▇█';
const CHART = 56; // cells

const NAMES = {
  plain: 'no guard',
  semaphore: 'semaphore',
  admission: 'admission()',
  limit: 'memory limit',
};

const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** The value that so many of 100 are at most. */
function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** RSS over time, as a line of blocks, whose whole width is `ticks` samples. */
function chart(rss, most, ticks) {
  const cells = Math.max(1, Math.round((CHART * rss.length) / ticks));
  const line = Array.from({ length: cells }, (_, i) => {
    const [from, to] = [i, i + 1].map((at) => Math.floor((at * rss.length) / cells));
    const height = Math.max(...rss.slice(from, Math.max(to, from + 1)), 0) / most;
    return BLOCKS[Math.min(BLOCKS.length - 1, Math.floor(height * BLOCKS.length))];
  });
  return line.join('');
}

const HEAD = ['', 'end', 'right hash', 'tries', 'peak RSS', 'health p99', 'seconds'];
const WIDTHS = [12, 10, 11, 7, 10, 11, 8];

const row = (cells, widths = WIDTHS) =>
  cells
    .map((cell, i) => `${cell}`.padEnd(widths[i]))
    .join(' ')
    .trimEnd();

function rowOf({ kind, end, tally, rss, checks, took }, { clients }) {
  const tries = Object.values(tally.answers).reduce((sum, count) => sum + count, tally.cut);
  const health = `${Math.round(percentile(checks.times, 0.99))} ms`;
  const done = `${tally.times.length}/${clients}`;
  const peak = megabytes(Math.max(0, ...rss));
  return row([NAMES[kind], end, done, tries, peak, health, took.toFixed(1)]);
}

function screen({ plan, floods, rates }, version = process.version) {
  const { clients, bytes, streams, silent, stopped, fickle, bombs } = plan;
  const allowed = plan.groupBytes ?? plan.dataBytes;
  const ticks = Math.max(...floods.map(({ rss }) => rss.length));
  const charts = floods.map(
    ({ kind, end, rss }) =>
      `${NAMES[kind].padEnd(12)} ${chart(rss, allowed, ticks)}${end === 'lives' ? '' : '✗'}`,
  );
  const figures = floods.find(({ kind }) => kind === 'admission')?.figures;
  const tail =
    figures === undefined
      ? []
      : [
          `admission(): at most ${megabytes(figures.peak)} of ${megabytes(figures.limit)} were charged, and ${figures.used} bytes are afterwards.`,
          `Refused: ${Object.entries(figures.refused)
            .map(([status, count]) => `${count} with ${status}`)
            .join(', ')}; ${figures.waited} waited.`,
        ];
  return [
    `${clients} clients upload ${megabytes(bytes)} each, to Express and multer on Node ${version}, which may`,
    `use ${megabytes(allowed)}. Half announce no length, ${streams} come over HTTP/2. With them come ${silent} that`,
    `announce and send nothing, ${stopped} that stop reading, ${fickle} that go while they wait, and`,
    `${bombs} with JSON in gzip of 100 : 1. Health checks have a port of their own.`,
    '',
    row(HEAD),
    ...floods.map((one) => rowOf(one, plan)),
    '',
    `RSS over time, up to ${megabytes(allowed)}:`,
    ...charts,
    '',
    ...tail,
    `Honest clients alone: ${rates.all.toFixed(1)} uploads/s with ${clients}, ${rates.fits.toFixed(1)} with the ${plan.fits} that have room.`,
  ].join('\n');
}

const TENANTS_HEAD = ['', 'right hash', 'tries', 'p50', 'p99', 'p99 of the first row'];
const TENANTS_WIDTHS = [19, 11, 7, 8, 8, 20];
const CASES = {
  alone: 'the others alone',
  'no keys': 'with it, one queue',
  keys: 'with it, and keys',
};

const p99 = (times) => percentile(times, 0.99);
const timesOf = (rounds) => rounds.flatMap(({ others }) => others.times);
const triesOf = ({ answers, cut }) => Object.values(answers).reduce((sum, n) => sum + n, cut);

/** `1.20 × (1.10 to 1.31)`: of all rounds, and of each. */
function ratioOf(rounds, alone) {
  const ratio = p99(timesOf(rounds)) / p99(timesOf(alone));
  const each = rounds.map(({ others }, i) => p99(others.times) / p99(alone[i].others.times));
  const [least, most] = [Math.min(...each), Math.max(...each)].map((one) => one.toFixed(2));
  return { ratio, text: `${ratio.toFixed(2)} × (${least} to ${most})` };
}

/** The result of `--flood --tenants`. */
function tenantsScreen({ plan, rounds }, version = process.version) {
  const { clients, tenants, bytes } = plan;
  const others = (clients / 2) * plan.uploads * plan.rounds;
  const rows = Object.entries(rounds).map(([name, own]) => {
    const times = timesOf(own);
    const tries = own.reduce((sum, one) => sum + triesOf(one.others), 0);
    const { text } = ratioOf(own, rounds.alone);
    const [half, most] = [0.5, 0.99].map((share) => (percentile(times, share) / 1000).toFixed(1));
    const ratio = name === 'alone' ? '' : text;
    const cells = [CASES[name], `${times.length}/${others}`, tries, `${half} s`, `${most} s`];
    return row([...cells, ratio], TENANTS_WIDTHS);
  });
  return [
    `${tenants} tenants upload ${megabytes(bytes)} after ${megabytes(bytes)} over slow lines, ${clients} clients at once, to`,
    `Express and multer on Node ${version}, which may use ${megabytes(plan.groupBytes ?? plan.dataBytes)}. One of them`,
    `has half of the clients, and comes first. The other ${tenants - 1}, in ${plan.rounds} rounds, from the`,
    'first try of an upload to the right hash:',
    '',
    row(TENANTS_HEAD, TENANTS_WIDTHS),
    ...rows,
  ].join('\n');
}

module.exports = { screen, tenantsScreen };
