'use strict';

// `ralloc apply`: changes the lines whose Buffers die with their request, so that these come from
// the request's arena.

const path = require('node:path');
const { fileKey } = require('../../lib/base/file-names.js');
const { checkProofs } = require('../placement/proofs.js');
const { nameIn, readOwnTable } = require('../../lib/site/table-file.js');
const { diffOf, planOf } = require('../placement/apply/plan.js');
const { writeFile } = require('../recorder/write-file.js');
const { OUTPUT } = require('./bake.js');
const { FAILED, OK, UsageError, count, tell, write } = require('./print.js');

const summary = "print a diff that uses the request's arena";
const usage = `Usage: ralloc apply [options] [FILE...]

Prints a diff of lines whose Buffers are proved to die with their request: they
take them from its arena, by perRequest, which does what Buffer does outside of
requests and over their limits. Standard error shows what else may be done, and
which lines stay and why. Without FILE, files below the current folder. No file
is changed.

  -t, --table FILE    the table (default: ${OUTPUT})
  -o, --output FILE   the diff (default: standard output)
      --alloc         also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --package NAME  also that package; may be given several times

Example: ralloc apply | git apply

Exit codes: 0 if there is a diff, or all was changed before; 1, without a diff,
if there is nothing to change, the table is not valid, or a proved line is gone
or cannot be changed; 2 wrongly called.`;

/** The plan for the files that are `given`; for all without any. */
function made({ table: file = OUTPUT, package: packages = [], alloc, 'any-size': anySize }, given) {
  const root = process.cwd();
  const folder = path.dirname(path.resolve(file));
  const table = readOwnTable(file);
  checkProofs(table, file);
  const files = given.map((one) => nameIn(root, path.resolve(one)));
  const keyOf = (one) => fileKey(nameIn(root, path.resolve(folder, one.file)));
  const known = new Set(table.files.map(keyOf));
  const stray = files.find((one) => !known.has(fileKey(one)));
  if (stray !== undefined) throw new UsageError(`The table has no sites of ${stray}`);
  const options = { folder, root, files, packages, isAlloc: alloc, isAnySize: anySize };
  return planOf(require('../placement/dist/acorn.js'), table, options);
}

async function run(values, positionals) {
  const plan = made(values, positionals);
  if (plan.faults.length > 0) {
    for (const fault of plan.faults) tell(`ralloc: ${fault}`);
    tell(
      'ralloc: Nothing was changed. To change the other files alone, give them: ralloc apply FILE...',
    );
    return FAILED;
  }
  for (const line of [plan.changes, plan.suggestions, plan.left].flat()) tell(`ralloc: ${line}`);
  const jsdiff = require('./dist/diff.js');
  const diffs = plan.files.map(({ name, file, edits }) => diffOf(name, file, edits, jsdiff));
  // Not print(), which would change control characters: git needs the exact text.
  if (values.output === undefined) await write(diffs);
  else writeFile(values.output, diffs, 'diff', 'The diff');
  const before = plan.applied > 0 ? `, ${count(plan.applied, 'site')} changed before` : '';
  const told =
    diffs.length === 0
      ? `Nothing to change${before}`
      : `${count(diffs.length, 'file')} to change${before}. To do so: ${values.output === undefined ? 'the same command, and behind it | git apply' : `git apply ${values.output}`}`;
  tell(`ralloc: ${told}`);
  return diffs.length + plan.applied > 0 ? OK : FAILED;
}

module.exports = { summary, usage, run };
