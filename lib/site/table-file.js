'use strict';

// The table that `ralloc bake` writes (docs/guide/placement.md): small, readable, and the same for
// the same profile.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../base/attempt.js');
const { RallocError } = require('../base/errors.js');
const { fileFault, fileKey } = require('../base/file-names.js');
const { CERTAINTIES, REASONS, STRATEGIES } = require('./decisions.js');

// Finds the application that a table is for: its name is that of the nearest package.json that has
// one.

function nameOf(file) {
  // There may be none, or it is invalid, which is not ralloc's to report.
  const name = attempt(() => JSON.parse(fs.readFileSync(file, 'utf8')).name);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/**
 * `{ name, root }` of the application that contains `folder` (`root` is its own folder); undefined
 * if no package.json has a name.
 */
function placeOf(folder) {
  const name = nameOf(path.join(folder, 'package.json'));
  if (name !== undefined) return { name, root: folder };
  const parent = path.dirname(folder);
  return parent === folder ? undefined : placeOf(parent);
}

/** The name of the application that contains `folder`; undefined if no package.json has a name. */
const applicationOf = (folder) => placeOf(folder)?.name;

/** The application's own folder; `folder` itself if no package.json has a name. */
const rootOf = (folder) => placeOf(folder)?.root ?? folder;

const FORMAT = 'ralloc table';
const VERSION = 1;
const MOST_BYTES = 64 * 1024 * 1024; // those of 100,000 lines

const invalidError = (file, why) =>
  new RallocError('ERR_RALLOC_TABLE_INVALID', `The table ${file}: ${why}`, { file });

const newerError = (file, found) =>
  new RallocError(
    'ERR_RALLOC_TABLE_VERSION',
    `The table ${file} has format ${found}; this ralloc reads formats up to ${VERSION}. Update ralloc`,
    { file, found, expected: VERSION },
  );

const foreignError = (file, found, expected) =>
  new RallocError(
    'ERR_RALLOC_TABLE_FOREIGN',
    `The table ${file} was baked for the application "${found}", and this one is "${expected}". Bake a table for it: ralloc bake`,
    { file, found, expected },
  );

/** Checks of values: what a value must be, and a function that tells whether it is. */
const text = ['a text', (value) => typeof value === 'string' && value !== ''];
const number = ['a number >= 0', (value) => Number.isFinite(value) && value >= 0];
const integer = ['an integer >= 0', (value) => Number.isSafeInteger(value) && value >= 0];
const place = ['an integer >= 1', (value) => Number.isSafeInteger(value) && value >= 1];
const size = [
  'a power of two',
  (value) => Number.isFinite(value) && Number.isInteger(Math.log2(value)),
];
const share = ['numbers from 0 to 1', (value) => isList(value, (one) => one >= 0 && one <= 1)];
const list = ['a list', Array.isArray];
const matching = (what, pattern) => [what, (value) => pattern.test(value)];
const oneOf = (list) => [`one of ${list.join(', ')}`, (value) => list.includes(value)];
const perhaps = ([what, is]) => [`${what}, or absent`, (value) => value === undefined || is(value)];

const isList = (value, is) =>
  Array.isArray(value) && value.every((one) => Number.isFinite(one) && is(one));

/** The fields of a decision, for all sizes of a site or for a size class that differs. */
const DECIDED = {
  strategy: oneOf(STRATEGIES),
  certainty: oneOf(CERTAINTIES),
  reason: oneOf(REASONS),
  size,
  bytes: integer,
  samples: integer,
  exceptions: integer,
};

const FIELDS = {
  recorded: {
    started: perhaps(integer),
    recorders: integer,
    seconds: number,
    collectionMs: perhaps(number),
  },
  files: { file: text, sha256: matching('64 hex digits', /^[0-9a-f]{64}$/) },
  sites: {
    file: text,
    line: place,
    column: place,
    offset: integer,
    function: text,
    source: text,
    callee: text,
    ...DECIDED,
    mostly: size,
    shares: share,
    listened: perhaps(['a number from 0 to 1', (value) => value >= 0 && value <= 1]),
    fingerprint: perhaps(matching('a fingerprint', /^[0-3]:\d{1,9}:[0-9a-f]{16}$/)),
    edit: perhaps(['true, or a text', (value) => value === true || text[1](value)]),
  },
  named: { name: text, ...DECIDED, mostly: size, shares: share, sizes: list },
};

/** Throws if a value does not have the `fields`. `where`: its name in the file. */
function check(file, where, value, fields) {
  const fail = (what) => {
    throw invalidError(file, `${what}. Make it anew: ralloc bake`);
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fail(`${where} must be an object`);
  }
  for (const [name, [what, is]] of Object.entries(fields)) {
    if (!is(value[name])) fail(`${where}.${name} must be ${what}`);
  }
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined)
    fail(`${where} has "${unknown}", which is nothing of format ${VERSION}`);
}

/** Checks that each name occurs once, and each size class once in it. */
function checkNamed(file, named) {
  const names = new Set();
  for (const [i, one] of named.entries()) {
    if (names.has(one.name)) throw invalidError(file, `named[${i}].name is there twice`);
    names.add(one.name);
    let last = 0;
    for (const [k, of] of one.sizes.entries()) {
      check(file, `named[${i}].sizes[${k}]`, of, DECIDED);
      if (of.size <= last) throw invalidError(file, `named[${i}].sizes do not rise`);
      last = of.size;
    }
  }
}

/** Checks that each file occurs once, and each place has one strategy. */
function checkPlaces(file, { files, sites }) {
  const names = new Set();
  for (const [i, { file: name }] of files.entries()) {
    if (names.has(name)) throw invalidError(file, `files[${i}].file is there twice`);
    names.add(name);
  }
  const known = new Map(); // place -> strategy
  for (const [i, { file: name, line, column, strategy, certainty }] of sites.entries()) {
    if (!names.has(name)) throw invalidError(file, `sites[${i}].file is none of its files`);
    const place = `${line}:${column} ${name}`;
    const decision = [strategy, certainty].join(' ');
    if ((known.get(place) ?? decision) !== decision) {
      throw invalidError(file, `sites[${i}] is there twice, with another strategy`);
    }
    known.set(place, decision);
  }
}

function checkAll(file, table) {
  check(file, 'recorded', table.recorded, FIELDS.recorded);
  const { application, named } = table;
  if (application !== undefined && !text[1](application)) {
    throw invalidError(file, 'application must be a text, or absent');
  }
  const lists = ['files', 'sites'];
  if (named !== undefined) lists.push('named');
  for (const name of lists) {
    if (!Array.isArray(table[name])) throw invalidError(file, `${name} must be a list`);
    for (const [i, one] of table[name].entries()) check(file, `${name}[${i}]`, one, FIELDS[name]);
  }
  checkNamed(file, table.named ?? []);
  checkPlaces(file, table);
}

/**
 * Parses the text of a file into a table. Throws ERR_RALLOC_TABLE_INVALID,
 * ERR_RALLOC_TABLE_VERSION.
 */
function parse(file, json) {
  if (json === '') throw invalidError(file, 'it is empty. Make it anew: ralloc bake');
  let table;
  try {
    table = JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch (error) {
    const what = error.message.replace(/\s+/g, ' ');
    throw invalidError(file, `${what}. It is cut off, or was changed by hand`);
  }
  if (table?.format !== FORMAT) {
    throw invalidError(file, 'it is no table. Give a file that "ralloc bake" wrote');
  }
  if (!Number.isSafeInteger(table.version) || table.version < 1) {
    throw invalidError(file, 'its version is no integer >= 1');
  }
  if (table.version > VERSION) throw newerError(file, table.version);
  checkAll(file, table);
  return table;
}

/**
 * The text of a table's file. What is too large for a table is not read: it would delay a start,
 * and take its memory.
 */
function textIn(file) {
  try {
    if (fs.statSync(file).size <= MOST_BYTES) return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const why =
      error.code === 'ENOENT'
        ? 'there is no such file. "ralloc bake -o FILE app.jsonl" writes one'
        : `${fileFault(error)}. Give a file that can be read`;
    throw Object.assign(invalidError(file, why), { cause: error });
  }
  throw invalidError(file, 'it has more than 64 MiB. Give a file that "ralloc bake" wrote');
}

/** Reads the table of a file. Throws ERR_RALLOC_TABLE_INVALID, ERR_RALLOC_TABLE_VERSION. */
const readTable = (file) => parse(file, textIn(file));

/**
 * Like readTable(), but throws ERR_RALLOC_TABLE_FOREIGN if the table is for another application
 * than the one that contains the file.
 */
function readOwnTable(file) {
  const table = readTable(file);
  const expected = applicationOf(path.dirname(path.resolve(file)));
  const { application: found } = table;
  if (found !== undefined && expected !== undefined && found !== expected) {
    throw foreignError(file, found, expected);
  }
  return table;
}

/** A list of numbers over several lines; texts have no line ends in JSON. */
const NUMBERS = /\[\n\s+([\d.,\s]+?)\s+\]/g;

/** The text of a table's file. */
function textOf({ application, recorded, files, sites, named }) {
  const about = { format: FORMAT, version: VERSION, application, recorded };
  const table = { ...about, files, sites, named }; // JSON leaves out undefined values
  const json = JSON.stringify(table, null, 2);
  return `${json.replace(NUMBERS, (_, numbers) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`;
}

/** The name of a file in a table that is in `folder`. */
const nameIn = (folder, file) => path.relative(folder, file).replaceAll(path.sep, '/');

/**
 * Like nameIn(), but spelled as on disk: on Windows a program may have opened the file in other
 * letters, and the table is used on other systems too.
 */
function nameOnDisk(folder, file, realpath = fs.realpathSync.native) {
  const name = nameIn(folder, file);
  const real = attempt(() => realpath(file).replaceAll(path.sep, '/'), name);
  const tail = real.slice(-name.length);
  return fileKey(tail) === fileKey(name) ? tail : name;
}

module.exports = {
  nameIn,
  nameOnDisk,
  parse,
  readOwnTable,
  readTable,
  textOf,
  applicationOf,
  rootOf,
};
