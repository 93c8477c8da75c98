'use strict';

// Each mutant of scripts/mutants/ still fits: its text is in its file exactly once, and its tests exist. Runs none.

const fs = require('node:fs');
const path = require('node:path');
const { runCheck } = require('./lib/check.js');
const { readMutants, flawOf } = require('./lib/mutants.js');

/** The line of a mutant's name; 1 where it cannot be found. */
function lineOf(root, { from, name }) {
  const text = fs.readFileSync(path.join(root, 'scripts', 'mutants', from), 'utf8');
  const at = text.indexOf(name.slice(name.indexOf(': ') + 2));
  return at < 0 ? 1 : text.slice(0, at).split('\n').length;
}

function checkMutants(root) {
  const all = readMutants(root);
  return all.flatMap((mutant) => {
    const flaw = flawOf(mutant, all, root);
    if (flaw === null) return [];
    const what = `"${mutant.name}": ${flaw}`;
    return [{ file: `scripts/mutants/${mutant.from}`, line: lineOf(root, mutant), what }];
  });
}

const CASES = [
  {
    name: 'texts that are there once, twice and not at all, and a test that is not',
    files: {
      'lib/a/b.js': ['one();', 'two();', 'two();'],
      '__test__/a/b.test.js': '',
      'scripts/mutants/b.js': [
        'const tests = ["a/b.test.js"];',
        'const mutants = {',
        '  good: ["one();", ""],',
        '  twice: ["two();", ""],',
        '  never: ["three();", ""],',
        '  same: ["one();", "one();"],',
        '  untested: ["one();", "", { tests: ["a/c.test.js"] }],',
        '  equivalent: ["one();", "", { equivalent: "why", tests: [] }],',
        '};',
        'module.exports = [{ file: "a/b.js", tests, mutants }];',
      ],
    },
    wrong: ['4', '5', '6', '7'].map((line) => `scripts/mutants/b.js:${line}`),
  },
];

runCheck(checkMutants, CASES);
