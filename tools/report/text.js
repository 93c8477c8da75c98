'use strict';

// The short report for a terminal: the lines with the most bytes, and the findings, each with what to do.

const MOST = 5;
/** The error of 16 samples. */
const FEW = 0.5;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesOf(value) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** With few samples the bounds are asymmetric. */
const errorOf = ({ error, least, most }) =>
  error > FEW ? `(${bytesOf(least)} to ${bytesOf(most)})` : `± ${Math.ceil(error * 100)} %`;

/** Shows a name on one line: with a line break it would look like a line of the report. */
const oneLine = (text) => text.replace(/\s+/g, ' ');

function placeOf({ path, line, label, routes, function: name }) {
  const called = name && !name.startsWith('(') ? `${name}()` : '(anonymous)';
  return oneLine(
    path === undefined ? [label, ...routes.slice(0, 1)].join(' of ') : `${path}:${line} ${called}`,
  );
}

/** Kind of a finding → its text. `at`: the place of its line. */
const SAYS = {
  few: (_, __, { whole }) => `few samples: ${whole.samples} in all`,
  pin: ({ live, pinned }, at) => `pins: ${at} keeps ${bytesOf(live)} and pins ${bytesOf(pinned)}`,
  leak: ({ live }, at) => `grows: ${at}, ${bytesOf(live)} alive`,
  stays: ({ live }, at) => `stays: ${at}, ${bytesOf(live)} alive`,
  churn: ({ bytes }, at, { seconds }) => `churns: ${at}, ${bytesOf(bytes / seconds)}/s`,
  outlives: ({ outlived }, at) => `outlives its request: ${at}, ${bytesOf(outlived)}`,
  unseen: (_, __, { whole }) => `not seen: ${bytesOf(whole.notSeen)} of ArrayBuffers`,
};

/** The lines of a report with the most bytes, and its findings. */
function textOf(model) {
  const { whole, seconds, lines, findings } = model;
  const time = seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds);
  const rows = lines.slice(0, MOST).map((line) => {
    const bytes = bytesOf(line.bytes).padStart(8);
    return `${bytes} ${errorOf(line).padStart(7)}  ${placeOf(line)}`;
  });
  const byKey = new Map(lines.map((line) => [line.key, line]));
  const pins = findings.filter(({ kind }) => kind === 'pin').map(({ line }) => byKey.get(line));
  const sum = (name) => bytesOf(pins.reduce((all, one) => all + one[name], 0));
  const together = `${pins.length} lines keep ${sum('live')} and pin ${sum('pinned')}`;
  const told = findings.slice(0, MOST).flatMap(({ kind, line: key, now }) => {
    const line = byKey.get(key);
    const says = SAYS[kind](line, line && placeOf(line), model);
    return [says, ...now.map((text) => `    ${oneLine(text)}`)];
  });
  return [
    `${bytesOf(whole.bytes)} allocated in ${time} s, ${bytesOf(whole.live)} alive at the end`,
    ...[...rows, ...(pins.length > 1 ? [together] : []), ...told],
  ].join('\n');
}

module.exports = { textOf };
