'use strict';

// The programs of fixtures/debug/ with a mistake and without, run in one process under a level of debug mode.

const fs = require('node:fs');
const { fixturePath, run } = require('./child.js');

const PLACES = ['allocated', 'ended', 'used', 'operation'];
const file = fixturePath('debug/misuses.js');
const lines = fs.readFileSync(file, 'utf8').split('\n');
const ENTRY = /^ {2}'?([\w-]+)'?: \{$/;

/** The first report's frame of a place in the file, as `[place, line]`. */
const placesOf = (report) =>
  PLACES.map((place) => [place, report[place]?.[0]])
    .filter(([, frame]) => frame?.file === file)
    .map(([place, { line }]) => [place, line]);

/** The misuse that a line of the file is of. */
const nameAt = (line) => ENTRY.exec(lines.slice(0, line).findLast((one) => ENTRY.test(one)))[1];

/** The lines of a misuse with `// @allocated` and the like, by the name of the mark. */
function markedLines(name) {
  const marks = lines.flatMap((text, i) => {
    const mark = /\/\/ @(\w+)$/.exec(text)?.[1];
    return mark !== undefined && nameAt(i + 1) === name ? [[mark, i + 1]] : [];
  });
  return Object.fromEntries(marks);
}

/** The lines that a report's traces begin at. */
const linesOf = (report) => Object.fromEntries(placesOf(report));

/**
 * Runs the programs of a list, `misuses` or `correct`: what each of them met by itself, { threw, met } by its name, all reports, and what stderr
 * shows. `every`: of how many `sample` takes one.
 */
async function underDebug(list, level, { every = '' } = {}) {
  const env = { RALLOC_DEBUG: level, RALLOC_COLLECT_EVERY: `${every}`, UV_THREADPOOL_SIZE: '1' };
  const { code, stdout, stderr } = await run('debug/catalogue.js', { args: [list], env });
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
  const told = stdout.split('\n').filter((line) => line.startsWith('{"'));
  const all = told.map((line) => JSON.parse(line));
  const reports = all.flatMap(({ report }) => report ?? []);
  return {
    reports,
    stderr,
    met: new Map(all.filter(({ name }) => name !== undefined).map((one) => [one.name, one])),
    /** The reports of a misuse. */
    of: (name) => reports.filter((one) => placesOf(one).some(([, line]) => nameAt(line) === name)),
  };
}

module.exports = { file, linesOf, markedLines, underDebug };
