'use strict';

// A profile as lines of JSON (docs/reference/profile-format.md). Each line begins with a line feed,
// so a line that was cut off ends where the next one begins, whichever process writes that.
//
// Cells have one form everywhere: site -> rows of `[sizeClass, event, bucket, samples, count,
// bytes]`.

const { FORMAT, encode, lineText, siteText } = require('./block.js');
const { versionError } = require('./errors.js');

const isText = (value) => typeof value === 'string';
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isId = (value) => isText(value) && /^[0-9a-f]{16}$/.test(value);
const isAmount = (value) => typeof value === 'number' && value >= 0;
const isBelow = (value, end) => isCount(value) && value < end;
const isObject = (value) => typeof value === 'object' && value !== null;
const orNone = (is) => (value) => value == null || is(value);

/** Field -> its check. */
const RECORDER = {
  ...{ id: isId, pid: isCount, thread: isCount, node: isText, platform: isText, title: isText },
  ...{ start: isCount, budget: orNone(isAmount), pool: orNone(isCount) },
  ...{ slot: isCount, until: isCount, rate: isAmount },
  ...{ blocks: orNone(isCount), last: orNone(isCount), collections: orNone(isCount) },
  requests: orNone(isCount),
};
const MEMORY = {
  ...{ slot: isCount, recorders: isCount },
  ...{ rss: isCount, arrayBuffers: isCount, external: isCount, heapUsed: isCount, live: isCount },
};

const ROW = {
  ...{ kind: isText, route: orNone(isText), count: isCount, bytes: isCount, largest: isCount },
  ...{ oldestMs: isCount, source: isText },
};
const areRows = (rows) =>
  Array.isArray(rows) && rows.every((row) => isObject(row) && pick(row, ROW) !== undefined);
const areBytes = (grown) => isObject(grown) && Object.values(grown).every(Number.isSafeInteger);
const GROWTH = {
  ...{ pid: isCount, start: isCount, peak: isCount, end: isCount, grown: areBytes },
  atPeak: orNone(areBytes),
  addons: (names) => Array.isArray(names) && names.every(isText),
  waiting: orNone(areRows),
};

const SUMS = Object.keys(MEMORY).slice(1); // the sums over the recorders of a slot

/** The known fields of an object, in one order; undefined if one is invalid. */
function pick(object, checks) {
  const names = Object.keys(checks);
  if (!names.every((name) => checks[name](object[name]))) return undefined;
  const given = names.filter((name) => object[name] != null);
  return Object.fromEntries(given.map((name) => [name, object[name]]));
}

/**
 * How many sites have their cells in one line of a sum. Databases limit the length of a line:
 * DuckDB to 16 MB by default.
 */
const SITES_A_LINE = 1000;

/** Stands for a site that has cells, but whose definition was in a line that was cut off. */
const LOST = Object.freeze({ source: 'unknown', route: undefined, frames: Object.freeze([]) });

function frameOf(text) {
  const [, file, line, column, name] = /^(.*?):(\d+):(\d+) (.*)$/s.exec(text) ?? [];
  return name === undefined
    ? undefined
    : { function: name, file, line: Number(line), column: Number(column) };
}

/** Sums beyond 2^53 are BigInts, which stringify() refuses. */
const rowsText = ([id, rows]) => `"${id}":[${rows.map((row) => `[${row}]`)}]`;

/** The texts of the sum of a Profile, in a fixed order, so that equal sums are equal bytes. */
function* sumTexts(profile) {
  const { recorders, series, sites } = profile;
  for (const recorder of recorders) yield lineText('recorder', { format: FORMAT, ...recorder });
  for (const row of series) yield lineText('process', row);
  for (const growth of profile.growths) yield lineText('memory', growth);
  yield* sites.filter(({ frames }) => frames !== LOST.frames).map(siteText);
  for (let from = 0; from < sites.length; from += SITES_A_LINE) {
    const some = sites.slice(from, from + SITES_A_LINE).map(({ id }) => [id, profile.rowsOf(id)]);
    const texts = some.filter(([, rows]) => rows.length > 0).map(rowsText);
    if (texts.length > 0) yield `\n{"type":"cells","cells":{${texts}}}`;
  }
}

/** Whether a sum is valid. One beyond 2^53 is a text here (see parse()) and becomes a BigInt. */
function isSum(row, i) {
  if (isText(row[i]) && /^\d+$/.test(row[i])) row[i] = BigInt(row[i]);
  return typeof row[i] === 'bigint' || isCount(row[i]);
}

function isRow(row) {
  if (!Array.isArray(row) || row.length !== 6) return false;
  if (!isBelow(row[0], 64) || !isBelow(row[1], 16) || !isBelow(row[2], 64)) return false;
  return isSum(row, 3) && isSum(row, 4) && isSum(row, 5);
}

const areCells = (cells) =>
  isObject(cells) &&
  Object.entries(cells).every(([id, rows]) => isId(id) && Array.isArray(rows) && rows.every(isRow));

const only = (name, checks) => (line) => {
  const fields = pick(line, checks);
  return fields && { [name]: fields };
};

/** For each type of line, a function that returns its contents, or undefined if it is invalid. */
const READ = {
  site({ site, source, route, frames: texts }) {
    if (!isId(site) || !isText(source) || !orNone(isText)(route)) return undefined;
    const frames = Array.isArray(texts) ? texts.map(frameOf) : [undefined];
    if (frames.includes(undefined)) return undefined;
    return { site, definition: { source, route: route ?? undefined, frames } };
  },
  block({ process: memory, cells, ...line }) {
    const recorder = pick(line, RECORDER);
    const process = pick({ slot: line.slot, recorders: 1, ...memory }, MEMORY);
    if (!recorder || !areCells(cells) || (memory != null && !process)) return undefined;
    return { recorder, slot: recorder.slot, cells, process };
  },
  recorder: only('recorder', RECORDER),
  process: only('process', MEMORY),
  memory: only('growth', GROWTH),
  cells: ({ cells }) => (areCells(cells) ? { cells } : undefined),
};

/**
 * Quotes integers that JSON.parse() would round. Only sums have them, and there only integers
 * follow a bracket or comma.
 */
const exact = (text) =>
  text.startsWith('{"type":"cells"') ? text.replace(/([[,])(\d{16,})/g, '$1"$2"') : text;

/**
 * Parses a line: returns `{ site, definition }`, `{ growth }`, or some of `{ recorder, slot,
 * process, cells }`; null if it is not a line of a profile, for example if it was cut off;
 * undefined if it is invalid. Throws ERR_RALLOC_PROFILE_VERSION, with the name of `file`.
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

const SITE = '{"type":"site","site":"';

/**
 * The id of the site that a complete line defines, found in its bytes; undefined for other lines.
 */
function siteIn(bytes) {
  const head = bytes.subarray(0, SITE.length + 16).latin1Slice(); // 16: of its id
  return head.startsWith(SITE) && bytes.at(-1) === 0x7d ? head.slice(SITE.length) : undefined;
}

module.exports = { FORMAT, LOST, SUMS, encode, parse, siteIn, sumTexts };
