'use strict';

// The result of `--flood` on one screen. Pure: figures in, lines out.

const BLOCKS = '▁▂▃▄▅▆▇█';
const CHART = 56; // cells

const NAMES = { plain: 'no guard', semaphore: 'semaphore', admission: 'admission()' };

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

const row = (cells) =>
  cells
    .map((cell, i) => `${cell}`.padEnd(WIDTHS[i]))
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
  const { clients, bytes, streams, silent, stopped, fickle, bombs, dataBytes } = plan;
  const ticks = Math.max(...floods.map(({ rss }) => rss.length));
  const charts = floods.map(
    ({ kind, end, rss }) =>
      `${NAMES[kind].padEnd(12)} ${chart(rss, dataBytes, ticks)}${end === 'lives' ? '' : '✗'}`,
  );
  const { figures } = floods.at(-1);
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
    `use ${megabytes(dataBytes)}. Half announce no length, ${streams} come over HTTP/2. With them come ${silent} that`,
    `announce and send nothing, ${stopped} that stop reading, ${fickle} that go while they wait, and`,
    `${bombs} with JSON in gzip of 100 : 1.`,
    '',
    row(HEAD),
    ...floods.map((one) => rowOf(one, plan)),
    '',
    `RSS over time, up to ${megabytes(dataBytes)}:`,
    ...charts,
    '',
    ...tail,
    `Honest clients alone: ${rates.all.toFixed(1)} uploads/s with ${clients}, ${rates.fits.toFixed(1)} with the ${plan.fits} that have room.`,
  ].join('\n');
}

module.exports = { screen };
