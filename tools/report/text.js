'use strict';

// How a report writes figures and places on a terminal.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function bytesOf(value) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** Shows a name on one line: with a line break it would look like a line of the report. */
const oneLine = (text) => text.replace(/\s+/g, ' ');

function placeOf({ path, line, label, routes, function: name }) {
  const called = name && !name.startsWith('(') ? `${name}()` : '(anonymous)';
  return oneLine(
    path === undefined ? [label, ...routes.slice(0, 1)].join(' of ') : `${path}:${line} ${called}`,
  );
}

module.exports = { bytesOf, oneLine, placeOf };
