'use strict';
// tier: tools, long

// What docs/guide/debugging.md shows of the catalogue: what some programs print, and the table of which misuses are found in `sample`, where
// their Buffer is one that is watched, and what they meet in release. `RALLOC_DOCUMENT=1` writes both anew.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const {
  isAlone,
  metIn,
  programsOf,
  together,
  toldBy,
  underDebug,
} = require('../helpers/misuse.js');

const document = path.join(__dirname, '..', '..', 'docs', 'guide', 'debugging.md');
const text = fs.readFileSync(document, 'utf8');
const catalogue = path.join(__dirname, '..', 'fixtures', 'debug', 'README.md');
const listed = fs.readFileSync(catalogue, 'utf8');
const OUTPUT = /(?<=<!-- output: ([\w-]+) -->\n```\n)((?:(?!```)[\s\S])*)(?=```)/g;
const TABLE = /(?<=<!-- catalogue: .* -->\n)([\s\S]*)(?=<!-- \/catalogue -->)/;
const HEAD = '| misuse | `full` reports | in `sample` | in release |\n|---|---|---|---|\n';

const isWritten = process.env.RALLOC_DOCUMENT === '1';
const programs = programsOf('misuses');
const outputs = new Map(); // name → what it prints
const rows = new Map(); // name → its row

/** Those that by the table go on without a word in release, which the table's tests prove. */
const isQuiet = ({ name }) =>
  !isWritten && new RegExp(`^\\| \`${name}\`: .* nothing \\|$`, 'm').test(listed);

let sampling; // name → what it did, of those that share a process
let releasing;
test.before('those that can share a process run', async () => {
  sampling = await together(
    programs.filter((one) => !isAlone(one)),
    'sample',
    { every: 1 },
  );
  releasing = await together(programs.filter(isQuiet), 'off');
});

for (const [, name, shown] of text.matchAll(OUTPUT)) {
  test(`${name}: the document shows what it prints`, async (t) => {
    const program = programs.find((one) => one.name === name);
    const told = toldBy(await underDebug(program, 'full'));
    outputs.set(name, told);
    t.is(isWritten ? told : shown, told);
  });
}

for (const program of programs) {
  const { name, what, kind } = program;
  test(`${name}: what sample and release tell of it is in the table`, async (t) => {
    const sampled = sampling.get(name) ?? (await underDebug(program, 'sample', { every: 1 }));
    const released = releasing.get(name) ?? (await underDebug(program, 'off'));
    t.deepEqual(released.reports, []);
    const met = metIn(released) ?? 'nothing';
    t.true(program.released === undefined || program.released.split(' or ').includes(met), met);
    const cells = [
      `\`${name}\`: ${what}`,
      `\`${kind}\``,
      sampled.reports.some((report) => report.kind === kind) ? 'if sampled' : 'no',
      (program.released ?? met).replace(/\w*(?:Error|_)\w*/g, '`$&`'),
    ];
    const row = `| ${cells.join(' | ')} |\n`;
    rows.set(name, row);
    t.true(isWritten || listed.includes(row), row);
  });
}

test.after.always(() => {
  if (!isWritten) return;
  const table = [...rows.keys()].sort().map((name) => rows.get(name));
  const shown = text.replace(OUTPUT, (before, name) => outputs.get(name) ?? before);
  fs.writeFileSync(document, shown);
  fs.writeFileSync(
    catalogue,
    listed.replace(TABLE, () => `${HEAD}${table.join('')}`),
  );
});
