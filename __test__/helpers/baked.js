'use strict';

// Profiles of places in files that a test writes, without a recording.

const fs = require('node:fs');
const path = require('node:path');
const { bucketOf, sizeClassOf } = require('../../tools/recorder/buckets.js');
const { events } = require('../../tools/recorder/events.js');
const { recorderOf } = require('./profiles.js');
const { Profile, rowsOf } = require('./sums.js');

const HOUR = 3600 * 1000;
const SIZE = 64 * 1024;

const idOf = (n) => n.toString(16).padStart(16, '0');

/**
 * Of `samples` Buffers of `size` bytes that lived `ms` each, in requests or not; `before`: bytes that a request had already, on average; `listened`: the share of them in listeners that no
 * request is known to; `pinned`: bytes that those that are kept pin.
 */
function cellsOf(
  site,
  {
    samples = 100,
    size = SIZE,
    ms = 100,
    inRequest = false,
    ends = 1,
    before = 0,
    listened = 0,
    pinned = 0,
  },
) {
  const cell = (event, share, lived = 0) => {
    const told = Math.round(samples * share);
    const sums = { samples: told, count: told * 1024, bytes: told * size };
    return { site, sizeClass: sizeClassOf(size), event, bucket: bucketOf(lived), ...sums };
  };
  const cells = [
    cell(events.BORN, 1),
    cell(events.DIED, ends, ms),
    cell(events.ALIVE, 1 - ends, ms),
  ];
  if (inRequest) cells.push(cell(events.WITH_REQUEST, 1));
  if (listened > 0) cells.push(cell(events.LISTENED, listened));
  if (pinned > 0) cells.push({ ...cell(events.PINNED, 1), count: 0, bytes: pinned });
  if (before > 0) {
    const bytes = Math.round((before * samples * size) / 2 ** 20);
    cells.push({ ...cell(events.BEFORE, 1), samples: 1, count: 0, bytes });
  }
  return cells.filter(({ samples: some }) => some > 0);
}

/**
 * A profile of sites `{ at: [file, line, column], name, source, …cellsOf }`, that began an hour from now, so that what a test writes is older, or `start` ms
 * after 1970.
 */
function profileOf(sites, { start = Date.now() + HOUR, collections } = {}) {
  const recorder = { ...recorderOf(1), start };
  const until = start + 10_000;
  const defined = sites.map(
    ({ at: [file, line, column], name = 'make', source = 'Buffer.alloc' }, n) => ({
      id: idOf(n),
      source,
      frames: [{ function: name, file, line, column }],
    }),
  );
  const cells = sites.flatMap((site, n) => cellsOf(idOf(n), site));
  const block = {
    recorder,
    slot: 0,
    until,
    rate: 1,
    sites: defined,
    cells: rowsOf(cells),
    number: 1,
    collections,
  };
  return new Profile().add(block);
}

/** A file of this text, and its calls by the text they begin with: [file, line, column] of the method. */
function sourceFile(dir, text, name = 'app.js') {
  const file = path.join(dir, name);
  fs.writeFileSync(file, text);
  return (call, method = call.slice(call.indexOf('.') + 1)) => {
    const at = text.indexOf(call) + call.indexOf(method);
    const before = text.slice(0, at).split('\n');
    return [file, before.length, before.at(-1).length + 1];
  };
}

module.exports = { HOUR, SIZE, profileOf, sourceFile };
