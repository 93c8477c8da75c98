'use strict';

// A block as an object, and its frame of bytes. docs/profile-format.md describes both.

const {
  bucketOfKey,
  eventOfKey,
  keyOf,
  numberOf,
  parts,
  readCell,
  sizeClassOfKey,
  writeCell,
} = require('./cell.js');
const { nonsenseError } = require('./errors.js');
const { frame, readFrames } = require('./frame.js');
const { NameReader, NameWriter } = require('./names.js');
const {
  PROCESS,
  PayloadWriter,
  eachOf,
  kinds,
  listOf,
  openPayload,
  readId,
  readRecorder,
  readSeries,
  sections,
  writeId,
  writeRecorder,
  writeSeries,
} = require('./payload.js');

/** The payload of a block. Numbers that are none of the format throw a RangeError. */
function payloadOf(block) {
  const payload = new PayloadWriter(block.recorder === undefined ? kinds.SUM : kinds.RECORDED);
  payload.section(sections.RECORDERS, (writer) => {
    for (const recorder of recordersOf(block)) writeRecorder(writer, recorder);
  });
  payload.section(sections.SERIES, (writer) => {
    for (const row of seriesOf(block)) writeSeries(writer, row);
  });
  writeSites(payload, sitesOf(block));
  return payload.payload();
}

function recordersOf({ recorder, recorders, slot, until, rate, number, collections }) {
  if (recorder === undefined) return recorders ?? [];
  const numbered = number === undefined ? undefined : { blocks: 1, last: number, collections };
  return [{ ...recorder, slot, until, rate, ...numbered }];
}

function seriesOf({ process, series, slot }) {
  if (process !== undefined) return [{ slot, recorders: 1, ...process }];
  return series ?? [];
}

/** Id → its definition, where the block has one, and its cells. */
function sitesOf({ sites, cells }) {
  const all = new Map();
  for (const site of sites) all.set(site.id, { definition: site, cells: [] });
  for (const cell of cells) {
    const known = all.get(cell.site);
    if (known === undefined) all.set(cell.site, { definition: undefined, cells: [cell] });
    else known.cells.push(cell);
  }
  return all;
}

function writeSites(payload, sites) {
  const names = new NameWriter();
  payload.section(sections.SITES, (writer) => {
    for (const [id, { definition }] of sites) {
      writeId(writer, id);
      names.site(writer, definition);
    }
  });
  names.write(payload);
  payload.section(sections.CELLS, (writer) => {
    for (const { cells } of sites.values()) {
      writer.number(cells.length);
      for (const cell of cells) writeRow(writer, cell);
    }
  });
}

function writeRow(writer, { sizeClass, event, bucket, samples, count, bytes }) {
  writeCell(writer, keyOf(sizeClass, event, bucket), parts(samples), parts(count), parts(bytes));
}

/** The bytes of a block, with their frame. */
const encode = (block) => frame(payloadOf(block));

function blockOf(payload) {
  const { kind, parts } = openPayload(payload);
  const recorders = listOf(parts, sections.RECORDERS, readRecorder);
  const series = listOf(parts, sections.SERIES, readSeries);
  const head = kind === kinds.SUM ? { recorders, series } : recordedHead(recorders, series);
  const { ids, sites } = readSites(parts);
  return { ...head, sites, cells: readCells(parts, ids) };
}

/** The same; undefined where the payload makes no sense, although its checksum is right. */
function blockIn(payload) {
  try {
    return blockOf(payload);
  } catch (error) {
    if (error.code === 'ERR_RALLOC_PROFILE_DAMAGED') return undefined;
    throw error;
  }
}

function recordedHead(recorders, [row]) {
  if (recorders.length !== 1) throw nonsenseError();
  const [{ slot, until, rate, blocks: _one, last, collections, ...recorder }] = recorders;
  const counted = collections === undefined ? undefined : { collections };
  const numbered = last === undefined ? undefined : { number: last, ...counted };
  return { recorder, slot, until, rate, ...numbered, process: row && processOf(row) };
}

const processOf = (row) => Object.fromEntries(PROCESS.map((key) => [key, row[key]]));

/** The ids of all sites of the payload, and the definitions that are in it. */
function readSites(parts) {
  const names = new NameReader(parts);
  const ids = [];
  const sites = [];
  eachOf(parts, sections.SITES, (reader) => {
    const id = readId(reader);
    ids.push(id);
    const definition = reader.part(reader.number());
    if (!definition.done) sites.push({ id, ...names.site(definition) });
  });
  return { ids, sites };
}

const keyParts = (key) => ({
  sizeClass: sizeClassOfKey(key),
  event: eventOfKey(key),
  bucket: bucketOfKey(key),
});

function readCells(opened, ids) {
  const cells = [];
  let next = 0;
  eachOf(opened, sections.CELLS, (reader) => {
    const site = ids[next++];
    if (site === undefined) throw nonsenseError();
    for (let rest = reader.count(); rest > 0; rest--) {
      const { key, numbers } = readCell(reader);
      const [samples, count, bytes] = numbers.map(numberOf);
      cells.push({ site, ...keyParts(key), samples, count, bytes });
    }
  });
  return cells;
}

/** The blocks of whole frames in `bytes`, and how many bytes are of none. Throws for a block of a newer format. */
function decode(bytes) {
  const blocks = [];
  const skipped = readFrames(bytes, (payload) => blocks.push(blockOf(payload)));
  return { blocks, skipped };
}

module.exports = { blockIn, blockOf, decode, encode, payloadOf };
