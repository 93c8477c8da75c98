'use strict';

// `ralloc report`: shows a profile as a page or as JSON.

const fs = require('node:fs');
const path = require('node:path');
const { Collection } = require('../report/collection.js');
const { jsonOf } = require('../report/json.js');
const { modelOf } = require('../report/model.js');
const { pageOf } = require('../report/page.js');
const { textOf } = require('../report/text.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError, print, write } = require('./print.js');

const summary = 'show a profile: a page for the browser, or JSON';
const usage = `Usage: ralloc report [options] FILE
       ralloc report [options] BEFORE AFTER

Writes one HTML file: the costliest lines with their code, bytes by stack, growth, churn and
lifetimes; for two profiles, what changed. What stands out ends with what to do. The file loads nothing, so you
can send it on. It contains the code of these lines as it is on this machine now.

  -o, --output FILE  the file to write (default: FILE.html, or standard output for JSON)
  --json             prints the same as JSON
  --no-code          leaves the code out`;

/** The parts of the page that scripts/bundle.js makes from page/: "npm run build" in a clone of ralloc. */
function readAssets() {
  const read = (name) => fs.readFileSync(path.join(__dirname, 'dist', name), 'utf8');
  return { script: read('page.js'), style: read('page.css'), licences: read('page.licences.txt') };
}

const readReport = (file, code) => ({
  name: path.basename(file),
  model: modelOf(Collection.read(file), { code, file }),
});

/** `a/app.jsonl`, and `a/app.jsonl.gz` → `a/app.html` */
function defaultOutput(file) {
  const { dir, name } = path.parse(file.replace(/\.gz$/i, ''));
  return path.join(dir, `${name}.html`);
}

async function run({ output, json, 'no-code': isBare }, files) {
  if (files.length === 0) throw new UsageError('Give the profile to report: ralloc report FILE');
  if (files.length > 2) {
    throw new UsageError(
      'Give one profile, or two: before and after. "ralloc merge" makes one of many',
    );
  }
  const reports = files.map((file) => readReport(file, !isBare));
  const [before, after] = reports.length === 2 ? reports : [undefined, ...reports];
  if (json) {
    const pieces = jsonOf(before?.model, after.model);
    if (output === undefined) await write(pieces);
    else writeFile(output, pieces, 'report as JSON', 'The report');
    return OK;
  }
  const file = output ?? defaultOutput(files.at(-1));
  const page = pageOf({ before, after, assets: readAssets() });
  writeFile(file, page, 'page', 'The report');
  print(`${file}\n${textOf(after.model)}`);
  return OK;
}

module.exports = { summary, usage, run };
