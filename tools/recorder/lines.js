'use strict';

// A profile as lines of JSON (docs/reference/profile-format.md). Each line begins with a line feed, so a line that was cut off ends where the next one begins,
// whichever process writes that.

const { versionError } = require('./errors.js');

const FORMAT = 1;

/** The originals: the recorder or an application may replace them later. Only strings are passed to JSON.stringify(): an application may give other types a toJSON(). */
const { stringify } = JSON;
const bytesOf = TextEncoder.prototype.encode.bind(new TextEncoder());

const RECORDER = ['id', 'pid', 'thread', 'node', 'platform', 'title', 'start', 'budget', 'pool'];
const RECORDED = ['slot', 'until', 'rate', 'blocks', 'last', 'collections'];
const PROCESS = ['rss', 'arrayBuffers', 'external', 'heapUsed', 'live'];

/** How many sites have their cells in one line of a sum. Databases limit the length of a line: DuckDB to 16 MB by default. */
const SITES_A_LINE = 1000;

function textOf(value) {
  if (typeof value === 'string') return stringify(value);
  return value === undefined ? 'null' : `${value}`;
}

/** These fields of an object, as far as it has them. */
const fieldsOf = (object, names) =>
  names
    .filter((name) => object[name] !== undefined)
    .map((name) => `"${name}":${textOf(object[name])}`)
    .join();

/** `cells`: `{ site, sizeClass, event, bucket, samples, count, bytes }`. */
function cellsText(cells) {
  const bySite = new Map();
  for (const { site, sizeClass, event, bucket, samples, count, bytes } of cells) {
    const row = `[${sizeClass},${event},${bucket},${samples},${count},${bytes}]`;
    const rows = bySite.get(site);
    bySite.set(site, rows === undefined ? row : `${rows},${row}`);
  }
  return `"cells":{${Array.from(bySite, ([site, rows]) => `"${site}":[${rows}]`).join()}}`;
}

/** A frame as one string: half as long as an object, and readable in a database. */
const frameText = ({ function: name, file, line, column }) => `${file}:${line}:${column} ${name}`;

function frameOf(text) {
  const [, file, line, column, name] = /^(.*?):(\d+):(\d+) (.*)$/s.exec(text) ?? [];
  return name === undefined
    ? undefined
    : { function: name, file, line: Number(line), column: Number(column) };
}

function siteText({ id, source, route, frames }) {
  const told = frames.map((one) => textOf(frameText(one))).join();
  return `\n{"type":"site","site":"${id}","source":${textOf(source)},"route":${textOf(route)},"frames":[${told}]}`;
}

/** The bytes of a block, for one write: the sites that are new, and a line with everything that happened. */
function encode({ recorder, number, collections, process, sites, cells, ...times }) {
  const numbered = number === undefined ? undefined : { blocks: 1, last: number, collections };
  const head = fieldsOf({ ...recorder, ...times, ...numbered }, [...RECORDER, ...RECORDED]);
  const memory = process === undefined ? '' : `"process":{${fieldsOf(process, PROCESS)}},`;
  const block = `\n{"type":"block","format":${FORMAT},${head},${memory}${cellsText(cells)}}`;
  return bytesOf(sites.map(siteText).join('') + block);
}

/** The texts of a sum, in a fixed order, so that equal sums are equal bytes. `cellsOf(id)`: the cells of a site, as for cellsText(). */
function* sumTexts({ recorders, series, sites }, cellsOf) {
  for (const recorder of recorders) {
    yield `\n{"type":"recorder","format":${FORMAT},${fieldsOf(recorder, [...RECORDER, ...RECORDED])}}`;
  }
  for (const row of series) {
    yield `\n{"type":"process",${fieldsOf(row, ['slot', 'recorders', ...PROCESS])}}`;
  }
  yield* sites.filter(({ source }) => source !== undefined).map(siteText);
  for (let from = 0; from < sites.length; from += SITES_A_LINE) {
    const cells = sites.slice(from, from + SITES_A_LINE).flatMap(({ id }) => cellsOf(id));
    if (cells.length > 0) yield `\n{"type":"cells",${cellsText(cells)}}`;
  }
}

const isText = (value) => typeof value === 'string';
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isId = (value) => isText(value) && /^[0-9a-f]{16}$/.test(value);
const isAmount = (value) => typeof value === 'number' && value >= 0;
const isObject = (value) => typeof value === 'object' && value !== null;
const orNone = (is) => (value) => value == null || is(value);
const areCounts = (object, names) =>
  isObject(object) && names.every((name) => isCount(object[name]));

/** The checks of the fields in a recorder's line. */
const CHECKS = [
  ...['pid', 'thread', 'start', 'slot', 'until'].map((name) => [name, isCount]),
  ...['node', 'platform', 'title'].map((name) => [name, isText]),
  ...['pool', 'blocks', 'last', 'collections'].map((name) => [name, orNone(isCount)]),
  ['id', isId],
  ['rate', isAmount],
  ['budget', orNone(isAmount)],
];

/** The recorder of a line; undefined if it is invalid. */
function recorderOf(line) {
  const recorder = {};
  for (const [name, isRight] of CHECKS) {
    if (!isRight(line[name])) return undefined;
    if (name === 'budget' || line[name] != null) recorder[name] = line[name] ?? undefined;
  }
  return recorder;
}

/** Whether a sum is valid. One beyond 2^53 is a text here (see parse()) and becomes a BigInt. */
function isSum(row, i) {
  if (isText(row[i]) && /^\d+$/.test(row[i])) row[i] = BigInt(row[i]);
  return typeof row[i] === 'bigint' || isCount(row[i]);
}

const isBelow = (value, end) => isCount(value) && value < end;

function isRow(row) {
  if (!Array.isArray(row) || row.length !== 6) return false;
  if (!isBelow(row[0], 64) || !isBelow(row[1], 16) || !isBelow(row[2], 64)) return false;
  return isSum(row, 3) && isSum(row, 4) && isSum(row, 5);
}

function areCells(cells) {
  if (!isObject(cells)) return false;
  for (const id in cells) {
    if (!isId(id) || !Array.isArray(cells[id]) || !cells[id].every(isRow)) return false;
  }
  return true;
}

/** For each type of line, a function that returns its contents, or undefined if it is invalid. */
const READ = {
  site({ site, source, route, frames: texts }) {
    if (!isId(site) || !isText(source) || !orNone(isText)(route)) return undefined;
    const frames = Array.isArray(texts) ? texts.map(frameOf) : [undefined];
    if (frames.includes(undefined)) return undefined;
    return { site, definition: { source, route: route ?? undefined, frames } };
  },
  block(line) {
    const { process, cells } = line;
    const recorder = recorderOf(line);
    if (recorder === undefined || !areCells(cells)) return undefined;
    const { slot } = recorder;
    if (process == null) return { recorder, slot, cells };
    if (!areCounts(process, PROCESS)) return undefined;
    return { recorder, slot, cells, process: { slot, recorders: 1, ...process } };
  },
  recorder(line) {
    const recorder = recorderOf(line);
    return recorder && { recorder };
  },
  process({ type: _, ...process }) {
    return areCounts(process, ['slot', 'recorders', ...PROCESS]) ? { process } : undefined;
  },
  cells({ cells }) {
    return areCells(cells) ? { cells } : undefined;
  },
};

/** Quotes integers that JSON.parse() would round. Only sums have them, and there only integers follow a bracket or comma. */
const exact = (text) =>
  text.startsWith('{"type":"cells"') ? text.replace(/([[,])(\d{16,})/g, '$1"$2"') : text;

/**
 * Parses a line: returns `{ site, definition }`, or some of `{ recorder, slot, process, cells }`; null if it is not a line of a profile, for example if it was cut off; undefined
 * if it is invalid. Throws ERR_RALLOC_PROFILE_VERSION, with the name of `file`.
 */
function parse(text, file) {
  let line;
  try {
    line = JSON.parse(exact(text));
  } catch {
    return null;
  }
  if (!isObject(line) || !Object.hasOwn(READ, line.type)) return null;
  if (line.format > FORMAT) throw versionError(file, line.format, FORMAT);
  return READ[line.type](line);
}

const SITE = Buffer.from('{"type":"site","site":"');

/** The id of the site that a complete line defines, found in its bytes; undefined for other lines. */
function siteIn(bytes) {
  const end = SITE.length + 16; // of its id
  if (bytes.length < end || bytes.at(-1) !== 0x7d) return undefined;
  return SITE.compare(bytes, 0, SITE.length) === 0
    ? bytes.latin1Slice(SITE.length, end)
    : undefined;
}

module.exports = { FORMAT, PROCESS, encode, parse, siteIn, sumTexts };
