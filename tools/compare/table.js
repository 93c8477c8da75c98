'use strict';

// The one table of `ralloc compare`, 80 columns wide.

const NAME = 10;
const CELL = 14;
const UNSTABLE = 'not stable';
const RUN_LONGER = 'not stable: run longer, or on a quieter machine';

const short = (value) =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : `${Number(value.toPrecision(2))}`;
const megabytes = (bytes) => `${short(bytes / 1e6)} MB`;
const milliseconds = (ms) => `${short(ms)} ms`;
const microseconds = (us) => (us >= 10_000 ? milliseconds(us / 1000) : `${short(us)} µs`);

/** Figure → its heading, and how a value of plain is shown. */
const COLUMNS = {
  cpu: ['CPU/request', microseconds],
  rate: ['requests/s', short],
  p50: ['p50', milliseconds],
  p99: ['p99', milliseconds],
  peak: ['RSS peak', megabytes],
  rest: ['RSS at rest', megabytes],
};

const line = (name, cells) =>
  [name.padEnd(NAME), ...cells.map((cell) => cell.padStart(CELL))].join('').trimEnd();

/** `0.68 ±0.09`, "no difference" inside the spread. */
const ratioText = ({ value, low, high, differs }) =>
  differs ? `${value.toFixed(2)} ±${((high - low) / 2).toFixed(2)}` : 'no difference';

function cellOf({ isStable, ratios }, name) {
  const ratio = ratios[name];
  if (ratio === undefined) return '-';
  if (!isStable) return UNSTABLE;
  return ratioText(ratio);
}

/** Text in lines of at most 80 columns. */
function wrapped(text, indent = '  ') {
  const lines = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= 80)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(lines.length === 0 ? word : indent + word);
  }
  return lines;
}

/**
 * The lines of the table. `variants`: in the order shown, each `{ name, label, ended }`; `ended`:
 * why it was not measured to its end.
 */
function linesOf(variants, { figures, isHttp = true, counts = {} }) {
  const columns = Object.entries(figures);
  const heading = (name) => (name === 'cpu' && !isHttp ? 'CPU/second' : COLUMNS[name][0]);
  const head = line(
    '',
    columns.map(([name]) => heading(name)),
  );
  const plain = line(
    'plain',
    columns.map(([name, { plain: value }]) => COLUMNS[name][1](value)),
  );
  const again = line(
    'again',
    columns.map(([, { isStable }]) => (isStable ? 'no difference' : UNSTABLE)),
  );
  const rows = variants
    .filter(({ name }) => name !== 'plain')
    .map(({ name, label = name, ended }) =>
      ended === undefined && counts[name] > 0
        ? line(
            label,
            columns.map(([, one]) => cellOf(one, name)),
          )
        : `${label.padEnd(NAME)}  ${ended === undefined ? 'not measured' : 'ended, see below'}`,
    );
  const isUnstable = columns.some(([, { isStable }]) => !isStable);
  return [head, plain, again, ...rows, ...(isUnstable ? [RUN_LONGER] : [])];
}

/** A figure with its unit: 'us', 'ms', 'bytes' or none. */
const figureText = (unit, value) =>
  ({ us: microseconds, ms: milliseconds, bytes: megabytes })[unit]?.(value) ?? short(value);

module.exports = { figureText, linesOf, ratioText, wrapped };
