'use strict';

// A profile as lines of JSON, an object each, for databases (docs/profile-format.md).

const { eventNames } = require('../recorder/events.js');

/** `cells` are sums as BigInts, which JSON.stringify() refuses and JSON itself has no limit for. */
function lineOfCell({ site, sizeClass, event, bucket, samples, count, bytes }) {
  const name = eventNames[event] ?? `EVENT_${event}`;
  return `{"type":"cell","site":"${site}","sizeClass":${sizeClass},"event":"${name}","bucket":${bucket},"samples":${samples},"count":${count},"bytes":${bytes}}\n`;
}

const lineOf = (type, row) => `${JSON.stringify({ type, ...row })}\n`;

/** The lines, each with its end: recorders, the series of the process, sites, cells. */
function* linesOf(profile) {
  for (const { budget = null, ...recorder } of profile.recorders) {
    yield lineOf('recorder', { ...recorder, budget });
  }
  for (const row of profile.series) yield lineOf('process', row);
  for (const { id, source, route = null, frames } of profile.sites) {
    yield lineOf('site', { site: id, source, route, frames });
  }
  for (const cell of profile.exactCells()) yield lineOfCell(cell);
}

module.exports = { linesOf };
