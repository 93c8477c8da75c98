'use strict';

// `ralloc bake`: makes a table from profiles, which says for each line in which memory its bytes
// belong.

const path = require('node:path');
const { checkProofs } = require('../placement/proofs.js');
const { STRATEGIES } = require('../../lib/site/decisions.js');
const { parse, textOf } = require('../../lib/site/table-file.js');
const { bake, explain } = require('../placement/bake/bake.js');
const { writeFile } = require('../recorder/write-file.js');
const { readProfiles } = require('./merge.js');
const { FAILED, OK, UsageError, count, print, tell } = require('./print.js');

const OUTPUT = 'ralloc.table.json';

const summary = 'write which memory each line should get, by profiles';
const usage = `Usage: ralloc bake [options] PROFILE...

Writes a table that says for each line whether its Buffers belong in the arena
of their request, in a slab or in a region, by how long they lived, and prints
why. Lines for which that is not known are left out. Files are named relative to
the table's folder.

  -o, --output FILE  the table; replaces an earlier one
                     (default: ${OUTPUT})
      --unchanged    the sources are what ran, although they are newer than the
                     profile, as after a checkout

Exit codes: 0 done, 1 if there is nothing to bake, or a file cannot be read or
written, 2 wrongly called.`;

function run({ output = OUTPUT, unchanged }, positionals) {
  if (positionals.length === 0) throw new UsageError('Give a profile');
  const { profile } = readProfiles(positionals);
  const folder = path.dirname(path.resolve(output));
  const acorn = require('../placement/dist/acorn.js');
  const { table, warnings, few } = bake(profile, { folder, isUnchanged: unchanged, acorn });
  for (const warning of warnings) tell(`ralloc: ${warning}`);
  const sites = [...table.sites, ...(table.named ?? [])];
  if (sites.length === 0) {
    const why = `no line with 30 samples is left, ${few} with fewer. Record longer, or with a smaller --rate`;
    tell(`ralloc: There is nothing to bake: ${why}`);
    return FAILED;
  }
  const text = textOf(table);
  checkProofs(parse(output, text), output); // throws rather than write a table that readers would refuse
  writeFile(output, text, 'table', 'The table');
  print(sites.flatMap(explain).join('\n'));
  const each = STRATEGIES.map((one) => [sites.filter((s) => s.strategy === one).length, one]);
  const told = each.filter(([n]) => n > 0).map(([n, one]) => `${n} ${one}`);
  tell(`ralloc: ${output}: ${count(sites.length, 'site')}: ${told.join(', ')}`);
  return OK;
}

module.exports = { OUTPUT, summary, usage, run };
