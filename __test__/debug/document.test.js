'use strict';
// tier: tools

// What docs/guide/debugging.md shows of the catalogue: what some programs print, and the table of which misuses are found in `sample`, where
// their Buffer is one that is watched, and what they meet in release. `RALLOC_DOCUMENT=1` writes both anew.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { file, underDebug } = require('../helpers/catalogue.js');

const misuses = require('../fixtures/debug/misuses.js');

const root = path.join(__dirname, '..');
const document = path.join(root, '..', 'docs', 'guide', 'debugging.md');
const catalogue = path.join(root, 'fixtures', 'debug', 'README.md');
const [text, listed] = [document, catalogue].map((one) => fs.readFileSync(one, 'utf8'));
const OUTPUT = /(?<=<!-- output: ([\w-]+) -->\n```\n)((?:(?!```)[\s\S])*)(?=```)/g;
const TABLE = /(?<=<!-- catalogue: .* -->\n)([\s\S]*)(?=<!-- \/catalogue -->)/;
const HEAD = '| misuse | `full` reports | in `sample` | in release |\n|---|---|---|---|\n';

/** A report as it is on stderr of a program alone, the same for each run: without numbers of processes and folders of this machine. */
const toldBy = ([{ code, message }]) =>
  `(node:4711) [${code}] RallocWarning: ${message}\n`
    .replaceAll(`${path.dirname(file)}${path.sep}`, '')
    .replace(/^.*\(catalogue\.js:.*\n/gm, '')
    .replace(/at Object\.run \((.*)\)$/gm, 'at $1')
    .replace(/\b[\d.]+ m?s\b/g, '60 ms');

test('the document shows what the programs print, and the table what sample and release tell of them', async (t) => {
  const [full, sampled, released] = await Promise.all([
    underDebug('misuses', 'full'),
    underDebug('misuses', 'sample', { every: 1 }),
    underDebug('misuses', 'off'),
  ]);
  t.deepEqual(released.reports, []);
  const names = Object.keys(misuses).sort();
  const rows = names.map((name) => {
    const { what, reports: kind } = misuses[name];
    const isSampled = sampled.of(name).some((report) => report.kind === kind);
    const met = released.met.get(name).met?.replace(/.*(?:Error|_).*/, '`$&`') ?? 'nothing';
    return `| \`${name}\`: ${what} | \`${kind}\` | ${isSampled ? 'if sampled' : 'no'} | ${met} |\n`;
  });
  const shown = text.replace(OUTPUT, (_, name) => toldBy(full.of(name)));
  const table = listed.replace(TABLE, () => `${HEAD}${rows.join('')}`);
  if (process.env.RALLOC_DOCUMENT === '1') {
    fs.writeFileSync(document, shown);
    fs.writeFileSync(catalogue, table);
  }
  t.is(process.env.RALLOC_DOCUMENT === '1' ? shown : text, shown);
  t.is(process.env.RALLOC_DOCUMENT === '1' ? table : listed, table);
});
