'use strict';

// `ralloc report`: what a profile says, as a page or as JSON.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { readTable } = require('../../lib/site/table-file.js');
const { Profile } = require('../recorder/profile.js');
const { Collection } = require('../report/collection.js');
const { compare } = require('../report/compare.js');
const { jsonOf } = require('../report/json.js');
const { modelOf } = require('../report/model.js');
const { pageOf } = require('../report/page.js');
const { placementOf } = require('../report/placement.js');
const { textOf } = require('../report/text.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError } = require('./exit.js');
const { print, write } = require('./print.js');

const summary = 'show a profile: a page for the browser, or JSON';

const usage = `Usage: ralloc report [options] FILE
       ralloc report [options] BEFORE AFTER
       ralloc report [options] FILE TABLE.json

Writes one HTML file: the costliest lines with their code, bytes by stack, growth, churn and
lifetimes; for two profiles, what changed; for a table of "ralloc bake", the borders of its clusters and which
bytes would move. The file loads nothing, so you can send it on. It contains the code of these lines
as it is on this machine now.

  -o, --output FILE  the file to write (default: FILE.html, or standard output for JSON)
  --json             prints the same as JSON
  --no-code          leaves the code out`;

const OPTIONS = {
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean', default: false },
  'no-code': { type: 'boolean', default: false },
};

/** What scripts/bundle.js makes of page/. */
function readAssets() {
  const read = (name) => fs.readFileSync(path.join(__dirname, 'dist', name), 'utf8');
  try {
    return {
      script: read('page.js'),
      style: read('page.css'),
      licences: read('page.licences.txt'),
    };
  } catch (error) {
    error.message += '. In a clone of ralloc, "npm run build" makes it';
    throw error;
  }
}

const readReport = (file, code) => ({
  name: path.basename(file),
  model: modelOf(Collection.read(file), { code, file }),
});

/** `a/app.jsonl`, and `a/app.jsonl.gz` → `a/app.html` */
function defaultOutput(file) {
  const { dir, name, ext, base } = path.parse(file.replace(/\.gz$/i, ''));
  return path.join(dir, `${ext === '.html' ? base : name}.html`);
}

/** A table is JSON, and no profile is. */
const isTable = (file) => path.extname(file).toLowerCase() === '.json';

function parse(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    options: OPTIONS,
    allowPositionals: true,
  });
  if (positionals.length === 0) {
    throw new UsageError('Give the profile to report: ralloc report FILE');
  }
  if (isTable(positionals[0])) {
    throw new UsageError(
      'Give the profile first, and then the table: ralloc report FILE TABLE.json',
    );
  }
  if (positionals.length > 2) {
    throw new UsageError(
      'Give one profile, or two: before and after. "ralloc merge" makes one of many',
    );
  }
  const output =
    values.output ??
    (values.json ? undefined : defaultOutput(positionals.findLast((file) => !isTable(file))));
  const same = (file) => path.resolve(file) === path.resolve(output);
  if (output !== undefined && positionals.some(same)) {
    throw new UsageError(`${output} is the profile itself. Give another file after -o`);
  }
  const files = positionals.filter((file) => !isTable(file));
  const table = positionals.find(isTable);
  return { files, table, output, json: values.json, code: !values['no-code'] };
}

/** What the table of a file says of a profile; undefined without one. */
function readPlacement(profile, file) {
  if (file === undefined) return undefined;
  const table = readTable(file);
  const folder = path.dirname(path.resolve(file));
  return { name: path.basename(file), ...placementOf(Profile.read(profile), table, folder) };
}

/** Before, after, and the changes between them, of one report or two. */
function jsonOfAll(before, { model: after }, placement) {
  if (before === undefined) return jsonOf({ after, placement });
  const { rows: changes } = compare(before.model, after);
  return jsonOf({ before: before.model, after, changes });
}

async function run(argv) {
  const { files, table, output, json, code } = parse(argv);
  const placement = readPlacement(files[0], table);
  const reports = files.map((file) => readReport(file, code));
  const [before, after] = reports.length === 2 ? reports : [undefined, ...reports];
  if (json) {
    const pieces = jsonOfAll(before, after, placement);
    if (output === undefined) await write(pieces);
    else writeFile(output, pieces, 'report as JSON', 'The report');
    return OK;
  }
  const page = pageOf({ before, after, placement, assets: readAssets() });
  writeFile(output, page, 'page', 'The report');
  print(`${output}\n${textOf(after.model)}`);
  return OK;
}

module.exports = { summary, usage, run };
