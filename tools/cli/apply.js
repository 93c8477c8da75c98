'use strict';

// `ralloc apply`: changes the lines whose Buffers die with their request, so that these come from the request's arena.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-key.js');
const { checkProofs } = require('../../lib/auto/proofs.js');
const { nameIn, readOwnTable } = require('../../lib/site/table-file.js');
const { diffOf } = require('../placement/apply/diff.js');
const { Plan } = require('../placement/apply/plan.js');
const { replaceFiles } = require('../placement/apply/replace-files.js');
const { edited } = require('../../lib/auto/source/text.js');
const { OUTPUT } = require('./bake.js');
const { FAILED, OK, UsageError } = require('./exit.js');
const { count, tell, write } = require('./print.js');

const summary = "change lines so that they use their request's arena";
const usage = `Usage: ralloc apply [options] [FILE...]

Prints a diff that takes the Buffers of a table's lines from the arena of their request, if these are proved to die with it: by perRequest,
which does what Buffer does outside of requests and over their limits. Standard error shows what else may be done, and which lines stay and why.
Only files below the current folder are changed, or the given ones of them, and only with --write.

  -t, --table FILE    the table (default: ${OUTPUT})
      --write         change the files: all of them, or none
      --alloc         also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --package NAME  also that package of node_modules; may be given several times

Example: ralloc apply | git apply`;

const OPTIONS = {
  table: { type: 'string', short: 't', default: OUTPUT },
  write: { type: 'boolean', default: false },
  alloc: { type: 'boolean', default: false },
  'any-size': { type: 'boolean', default: false },
  package: { type: 'string', multiple: true, default: [] },
};

function given(values, positionals) {
  const root = process.cwd();
  const files = positionals.map((file) => nameIn(root, path.resolve(file)));
  return { values, root, files };
}

/** Throws for given files that are not in the table. */
function checkFiles(files, { root, folder, table }) {
  const keyOf = ({ file }) => fileKey(nameIn(root, path.resolve(folder, file)));
  const known = new Set(table.files.map(keyOf));
  const stray = files.find((file) => !known.has(fileKey(file)));
  if (stray !== undefined) throw new UsageError(`The table has no sites of ${stray}`);
}

function planOf({ values, root, files }) {
  const table = readOwnTable(values.table);
  checkProofs(table, values.table);
  const folder = path.dirname(path.resolve(values.table));
  checkFiles(files, { root, folder, table });
  const { alloc: isAlloc, 'any-size': isAnySize, package: packages } = values;
  const options = { folder, root, files, packages, isAlloc, isAnySize };
  // The package acorn, bundled.
  return new Plan(require('../../lib/auto/dist/acorn.js'), table, options).make();
}

function tellAll(plan) {
  for (const told of ['changes', 'suggestions', 'left']) {
    for (const line of plan[told]) tell(`ralloc: ${line}`);
  }
}

function tellSum({ files, applied }, isWritten) {
  const before = applied > 0 ? `, ${count(applied, 'site')} changed before` : '';
  if (files.length === 0) tell(`ralloc: Nothing to change${before}`);
  else if (isWritten) tell(`ralloc: ${count(files.length, 'file')} changed${before}`);
  else tell(`ralloc: ${count(files.length, 'file')} to change${before}. To do so: --write`);
}

async function run(values, positionals) {
  const plan = planOf(given(values, positionals));
  if (plan.faults.length > 0) {
    for (const fault of plan.faults) tell(`ralloc: ${fault}`);
    tell(
      'ralloc: Nothing was changed. To change the other files alone, give them: ralloc apply FILE...',
    );
    return FAILED;
  }
  tellAll(plan);
  const { files } = plan;
  const jsdiff = require('./dist/diff.js');
  const diff = files.map(({ name, file, edits }) => diffOf(name, file, edits, jsdiff)).join('');
  const isWritten = values.write;
  if (isWritten) {
    replaceFiles(
      files.map(({ file, edits }) => ({
        ...file,
        now: Buffer.from(file.bom + edited(file.text, edits)),
      })),
    );
  }
  if (diff !== '') await write([diff]); // not print(), which would change control characters: git needs the exact text
  tellSum(plan, isWritten);
  return OK;
}

module.exports = { summary, usage, options: OPTIONS, run };
