'use strict';

// The few lines of a report for a terminal.

const MOST = 5;
/** So many lines, those with the most live bytes, are asked whether they grow. */
const LIVELY = 200;
/** The error of 16 samples. */
const FEW = 0.5;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesOf(value) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** With few samples the bounds are far from alike. */
const errorOf = ({ error, least, most }) =>
  error > FEW ? `(${bytesOf(least)} to ${bytesOf(most)})` : `± ${Math.ceil(error * 100)} %`;

/** A name that has more than one would look like a line of the report. */
const oneLine = (text) => text.replace(/\s+/g, ' ');

const placeOf = ({ path, line, label, routes, function: name }) =>
  path === undefined
    ? [label, ...routes.slice(0, 1)].join(' of ')
    : `${path}:${line} ${name && !name.startsWith('(') ? `${name}()` : '(anonymous)'}`;

/** The costliest lines of a report, and those that grow. */
function textOf({ whole, seconds, lines }) {
  const time = seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds);
  const head = `${bytesOf(whole.bytes)} allocated in ${time} s, ${bytesOf(whole.live)} alive at the end`;
  const rows = lines.slice(0, MOST).map((line) => {
    const bytes = bytesOf(line.bytes).padStart(8);
    return `${bytes} ${errorOf(line).padStart(7)}  ${oneLine(placeOf(line))}`;
  });
  const growing = lines
    .toSorted((a, b) => b.live - a.live)
    .slice(0, LIVELY)
    .filter(({ grows }) => grows)
    .slice(0, MOST)
    .map((line) => `grows: ${oneLine(placeOf(line))}, ${bytesOf(line.live)} alive`);
  return [head, ...rows, ...growing].join('\n');
}

module.exports = { textOf };
