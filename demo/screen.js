'use strict';

// The result on one screen: a block of bars for each mix, at most 80 columns wide, and narrower where the
// terminal is. Pure: rows in, lines out.

const { differs } = require('../tools/compare/statistics.js');
const { painter } = require('./colour.js');
const { FLAG } = require('./contenders.js');

const WIDE = 80;
const BAR = 10;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

const ABOUT = {
  frame: '16 pieces into a batch',
  ingest: 'the same after a POST of 64 KiB',
  digest: 'ingest, sha256, every eighth gzipped',
  upload: 'SHA-256 of a POST of 1 MiB',
  proxy: '1 MiB of another server passed on',
  serve: 'a batch of 200 KB sent back',
  json: 'no Buffers at all',
};

const whole = (value) => Math.round(value).toLocaleString('en-US');
const short = (value) => (value < 10 ? value.toFixed(1) : whole(value));
const megabytes = (value) => whole(value / 1e6);

const MEASURES = [
  { label: 'requests/s', field: 'rps', show: whole, unit: '', more: true },
  { label: 'CPU', field: 'fullCpuUs', show: whole, unit: ' µs' },
  { label: 'p99', field: 'p99', show: short, unit: ' ms' },
  { label: 'peak RSS', field: 'rss', show: megabytes, unit: ' MB' },
  { label: 'major GCs', field: 'majorGcs', show: short, unit: '' },
];

/** Of `share` of `cells`, in eighths of a cell. */
function filled(share, cells) {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * cells * 8);
  return '█'.repeat(eighths >> 3) + EIGHTHS[eighths % 8];
}

/** ralloc's bar; what it saves against the base is light, what it has beyond it is shaded. */
function bar({ value, base, colour }, paint) {
  const most = Math.max(value, base);
  if (!(most > 0)) return ' '.repeat(BAR);
  if (value <= base) {
    const solid = filled(value / base, BAR);
    return solid + paint('░'.repeat(BAR - solid.length), colour);
  }
  const solid = '█'.repeat(Math.round((base / value) * BAR));
  return solid + paint('▓'.repeat(BAR - solid.length), colour);
}

/** Four characters: "0.45", "12.3", "123". */
function number(value) {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : Math.min(value, 9999).toFixed(0);
}

/** A ratio in words: "0.45 × [0.41, 0.49]", or that there is no difference. */
function verdict(ratio) {
  if (!ratio) return '';
  const interval = `[${number(ratio.low)}, ${number(ratio.high)}]`;
  return differs(ratio) ? `${number(ratio.value)} × ${interval}` : `no difference ${interval}`;
}

function judge(ratio, more) {
  if (!differs(ratio)) return null;
  return ratio.value > 1 === Boolean(more) ? 'green' : 'red';
}

const percent = (share) => `${Math.round(share * 100)} %`;

function saved({ cpu, rss }) {
  const parts = [cpu !== null && `${percent(cpu)} CPU`, rss !== null && `${percent(rss)} RSS`];
  const known = parts.filter(Boolean);
  return known.length > 0 ? `of what can be saved: ${known.join(', ')}` : '';
}

function titleLines(mix, ralloc, width, paint) {
  const title = `${mix}: ${ABOUT[mix]}`;
  const right = saved(ralloc.run.removed);
  if (right === '') return wrap(title, width).map((line) => paint(line, 'bold'));
  const gap = width - title.length - right.length;
  if (gap > 0) return [paint(title, 'bold') + ' '.repeat(gap) + paint(right, 'cyan')];
  const lines = wrap(right, width - 2).map((line) => `  ${paint(line, 'cyan')}`);
  return [...wrap(title, width).map((line) => paint(line, 'bold')), ...lines];
}

function measureLine(measure, { base, ralloc, others }, width, paint) {
  const { label, field, show, unit, more } = measure;
  const ratio = ralloc.run.ratio[field];
  const colour = judge(ratio, more);
  const words = verdict(ratio);
  if (width < WIDE) return `  ${label.padEnd(10)} ${paint(words, colour)}`.trimEnd();
  const [value, from] = [ralloc.run[field], base.run[field]];
  const figures = `${show(from)} → ${show(value)}${unit}`;
  const ratios = others.map(({ run }) => (run.ratio[field] ? number(run.ratio[field].value) : ''));
  const line = [
    ` ${label.padEnd(10)}`,
    bar({ value, base: from, colour: colour ?? 'dim' }, paint),
    figures.padEnd(18),
    paint(words, colour ?? 'dim') + ' '.repeat(Math.max(0, 26 - words.length)),
    paint(ratios.map((one) => one.padStart(5)).join(' '), 'dim'),
  ];
  return line.join(' ').trimEnd();
}

const find = (rows, name) => rows.find(({ run }) => run.allocator === name);

/** Those whose ratios stand beside ralloc's, and their titles. */
const OTHERS = { 'allocUnsafe + flag': 'flag', pool: 'pool' };

const othersOf = (rows) => Object.keys(OTHERS).flatMap((name) => find(rows, name) ?? []);

function mixLines(rows, width, paint) {
  const [base, ralloc] = ['allocUnsafe', 'ralloc'].map((name) => find(rows, name));
  const all = { base, ralloc, others: othersOf(rows) };
  return [
    ...titleLines(rows[0].run.mix, ralloc, width, paint),
    ...MEASURES.map((measure) => measureLine(measure, all, width, paint)),
  ];
}

/** Breaks a text of one or more lines at spaces. */
function wrap(text, width) {
  return text.split('\n').flatMap((line) => {
    const lines = [];
    let rest = line;
    while (rest.length > width) {
      const at = rest.lastIndexOf(' ', width);
      const end = at > 0 ? at : width;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).trimStart();
    }
    return [...lines, rest];
  });
}

function legend([rows = []], width) {
  if (width < WIDE) return ['ralloc ÷ allocUnsafe [95 % interval]'];
  const titles = othersOf(rows).map(({ run }) => OTHERS[run.allocator]);
  const left = ' '.repeat(13) + 'allocUnsafe → ralloc'.padEnd(29);
  const ratios = [`${left}ralloc ÷ allocUnsafe, 95 %`, ...titles.map((title) => title.padStart(5))];
  return [...(titles.includes('flag') ? [`flag: allocUnsafe with ${FLAG}`] : []), ratios.join(' ')];
}

/**
 * The lines of the screen.
 * @param {{ head: string[], mixes: object[][], tail: string[], columns: number, colour: boolean }} what `mixes`:
 *   the rows of each mix
 */
function screen({ head, mixes, tail, columns, colour }) {
  const width = Math.max(20, Math.min(WIDE, columns || WIDE));
  const paint = painter(colour);
  const lines = [
    ...head.flatMap((text) => wrap(text, width)),
    ...legend(mixes, width).map((line) => paint(line, 'dim')),
    ...mixes.flatMap((rows) => mixLines(rows, width, paint)),
    '',
    ...tail.flatMap((text) => wrap(text, width)),
  ];
  return lines.join('\n');
}

module.exports = { screen, verdict, wrap, ABOUT };
