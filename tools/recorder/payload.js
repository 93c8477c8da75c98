'use strict';

// The sections of a payload, and what each has (docs/profile-format.md). Reading gives whole sections to a visitor, so that
// merging makes no object a row, and decoding makes the rows of a block.

const { newerError, nonsenseError } = require('./errors.js');
const { BytesReader } = require('./bytes-reader.js');
const { BytesWriter } = require('./bytes-writer.js');

const VERSION = 1;

/** Of one recorder and slot, or the sum of many blocks. */
const kinds = Object.freeze({ RECORDED: 0, SUM: 1 });

const sections = Object.freeze({
  RECORDERS: 1,
  SERIES: 2,
  STRINGS: 3,
  FRAMES: 4,
  SITES: 5,
  CELLS: 6,
});

const PROCESS = Object.freeze(['rss', 'arrayBuffers', 'external', 'heapUsed', 'live']);

/** 16 hex digits as two numbers, [high, low]. */
function idOf(hex) {
  if (typeof hex !== 'string' || !/^[0-9a-f]{16}$/.test(hex)) {
    throw new RangeError(`An id is 16 hex digits. Received ${hex}`);
  }
  return [Number.parseInt(hex.slice(0, 8), 16), Number.parseInt(hex.slice(8), 16)];
}

const hex = (number) => number.toString(16).padStart(8, '0');
const textOfId = (high, low) => hex(high) + hex(low);

function writeId(writer, text) {
  const [high, low] = idOf(text);
  writer.uint32(low);
  writer.uint32(high);
}

function readId(reader) {
  const low = reader.uint32();
  return textOfId(reader.uint32(), low);
}

/** `recorder`, with its `slot`, `until` and `rate`. Its length stands before it, for later versions may add to it. */
function writeRecorder(writer, recorder) {
  const entry = new BytesWriter();
  writeFields(entry, recorder);
  writer.number(entry.length);
  writer.raw(entry.bytes);
}

function writeFields(writer, recorder) {
  writeId(writer, recorder.id);
  for (const key of ['pid', 'thread', 'start', 'slot', 'until']) writer.number(recorder[key]);
  writer.double(recorder.rate);
  writer.double(recorder.budget ?? Number.NaN); // none where the rate is fixed
  for (const key of ['node', 'platform', 'title']) writer.text(recorder[key]);
  if (recorder.last === undefined) return;
  writer.number(recorder.blocks);
  writer.number(recorder.last);
  if (recorder.collections !== undefined) writer.number(recorder.collections);
}

function readRecorder(list) {
  const reader = list.part(list.number());
  const id = readId(reader);
  const [pid, thread, start, slot, until] = [1, 2, 3, 4, 5].map(() => reader.number());
  const rate = reader.double();
  const share = reader.double();
  const budget = Number.isNaN(share) ? undefined : share;
  const [node, platform, title] = [1, 2, 3].map(() => reader.text());
  const told = { id, pid, thread, node, platform, title, start, budget, slot, until, rate };
  if (!reader.done) Object.assign(told, { blocks: reader.number(), last: reader.number() });
  if (!reader.done) told.collections = reader.number();
  reader.end();
  return told;
}

/** `{ slot, recorders, rss, … }`. */
function writeSeries(writer, row) {
  writer.number(row.slot);
  writer.number(row.recorders);
  for (const key of PROCESS) writer.number(row[key]);
}

function readSeries(reader) {
  const row = { slot: reader.number(), recorders: reader.number() };
  for (const key of PROCESS) row[key] = reader.number();
  return row;
}

/** Writes a payload: `section(tag, write)` for each section that is not empty, then `payload()`. */
class PayloadWriter {
  #whole = new BytesWriter();
  #part = new BytesWriter();

  constructor(kind) {
    this.#whole.byte(VERSION);
    this.#whole.byte(kind);
  }

  section(tag, write) {
    this.#part.clear();
    write(this.#part);
    if (this.#part.length === 0) return;
    this.#whole.byte(tag);
    this.#whole.number(this.#part.length);
    this.#whole.raw(this.#part.bytes);
  }

  get length() {
    return this.#whole.length;
  }

  /** A view, until the next section. */
  payload() {
    return this.#whole.bytes;
  }
}

/** The kind of a payload, and a reader for each of its sections, by tag. Sections that this version does not know are left out. */
function openPayload(bytes) {
  const reader = new BytesReader(bytes);
  const version = reader.byte();
  if (version > VERSION) throw newerError(undefined, version, VERSION);
  const kind = reader.byte();
  if (version !== VERSION || kind > kinds.SUM) throw nonsenseError();
  const parts = [];
  while (!reader.done) {
    const tag = reader.byte();
    parts[tag] = reader.part(reader.number());
  }
  return { kind, parts };
}

/** Calls `read` until the section `tag` ends. */
function eachOf(parts, tag, read) {
  const reader = parts[tag];
  if (reader === undefined) return;
  while (!reader.done) read(reader);
  reader.end();
}

function listOf(parts, tag, read) {
  const list = [];
  eachOf(parts, tag, (reader) => list.push(read(reader)));
  return list;
}

module.exports = {
  PROCESS,
  VERSION,
  PayloadWriter,
  eachOf,
  idOf,
  kinds,
  listOf,
  openPayload,
  readId,
  readRecorder,
  readSeries,
  sections,
  textOfId,
  writeId,
  writeRecorder,
  writeSeries,
};
