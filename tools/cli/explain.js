'use strict';

// `ralloc explain FILE:LINE`: why a line of a table got its memory.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-key.js');
const { nameIn, readTable } = require('../../lib/site/table-file.js');
const { explain, locate } = require('../placement/bake/explain.js');
const { OUTPUT } = require('./bake.js');
const { FAILED, OK, UsageError } = require('./exit.js');
const { print, tell } = require('./print.js');

const summary = 'show why a line got the memory that a table gives it';
const usage = `Usage: ralloc explain [options] FILE[:LINE[:COLUMN]]
       ralloc explain [options] --site NAME

Shows which memory a table gives to the Buffers of a line, or of all lines of a file, and by which rule. A line that moved since the table
was baked is found by its text.

  -t, --table FILE  the table (default: ${OUTPUT})
  -s, --site NAME   the Buffers of site('NAME'), wherever it is called

Example: ralloc explain src/rows.js:12`;

const OPTIONS = {
  table: { type: 'string', short: 't', default: OUTPUT },
  site: { type: 'string', short: 's' },
};

/** `src/a.js:12:3` → its parts; a drive of Windows has a colon too. */
function placeOf(given) {
  const [, file, line, column] = /^(.+?)(?::(\d+))?(?::(\d+))?$/s.exec(given);
  const numberOf = (text) => (text === undefined ? undefined : Number(text));
  return { file, line: numberOf(line), column: numberOf(column) };
}

/** Whether a table or a profile was given instead of a line. */
const isNoSource = (given) => /\.(json|jsonl)$/i.test(given);

/** Says that there is no site at a place, and which sites there are. */
function whyNone({ file, line }, sites) {
  if (sites.length === 0) return `No site of ${file} is in the table`;
  const lines = [...new Set(sites.map((site) => site.line))].join(', ');
  return `No site of line ${line} is in the table. It has some of ${file}, in line ${lines}`;
}

function explainNamed(name, file) {
  const table = readTable(file);
  const found = (table.named ?? []).find((one) => one.name === name);
  if (found === undefined) {
    tell(`ralloc: No site('${name}') is in ${file}`);
    return FAILED;
  }
  print(explain(found));
  return OK;
}

async function run(values, [given, ...others]) {
  if (values.site !== undefined) {
    if (given !== undefined) throw new UsageError('Give a line or --site, not both');
    return explainNamed(values.site, values.table);
  }
  if (given === undefined || given === '' || others.length > 0) {
    throw new UsageError('Give one line: ralloc explain FILE:LINE');
  }
  if (isNoSource(given)) {
    throw new UsageError(
      `${given} is no source. Give one line: ralloc explain --table TABLE.json FILE:LINE`,
    );
  }
  const table = readTable(values.table);
  const folder = path.dirname(path.resolve(values.table));
  const place = placeOf(given);
  const key = fileKey(nameIn(folder, path.resolve(place.file)));
  const known = table.files.find(({ file }) => fileKey(file) === key);
  if (known === undefined) {
    const ask = place.line === undefined ? '. Give one line: ralloc explain FILE:LINE' : '';
    tell(`ralloc: ${whyNone(place, [])}: ${values.table} names files from ${folder}${ask}`);
    return FAILED;
  }
  const { sites, warnings } = locate(table, folder, known.file);
  for (const warning of warnings) tell(`ralloc: ${warning}`);
  const { line, column } = place;
  const found = sites.filter(
    (site) =>
      (line === undefined || site.line === line) &&
      (column === undefined || site.column === column),
  );
  if (found.length === 0) {
    tell(`ralloc: ${whyNone(place, sites)}`);
    return FAILED;
  }
  print(found.map(explain).join('\n\n'));
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
