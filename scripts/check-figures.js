'use strict';

// Figures of documents and charts are what bench/publish.js makes of the data in bench/figures/, whose hash stands beside them, and measured ratios stand
// nowhere else: no line outside of a part that it writes has an interval such as [0.59, 0.90].

const { createHash } = require('node:crypto');
const { END, published, readAll } = require('../bench/publish.js');
const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');

const DOCUMENT = /^(?:README\.md|docs\/.*\.md|bench\/RESULTS\.md)$/;
const BEGIN = /<!-- figures: (\w+)/;
const INTERVAL = /\[\d+\.\d+, \d+\.\d+\]/;

/** The first line on which two texts differ, or undefined. */
function firstDifference(one, other) {
  const lines = other.split('\n');
  const at = one.split('\n').findIndex((line, n) => line !== lines[n]);
  return at < 0 && one.length === other.length ? undefined : Math.max(0, at) + 1;
}

function typed(root, file, data) {
  const findings = [];
  let inside = false;
  let isCode = false; // what a program prints, as an example
  for (const [n, line] of readFile(root, file).split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode;
    const name = BEGIN.exec(line)?.[1];
    const tell = (what) => findings.push({ file, line: n + 1, what });
    if (name !== undefined && data[name] === undefined)
      tell(`figures of ${name}, whose data are not in bench/figures/`);
    if (name !== undefined || line === END) inside = name !== undefined;
    else if (!inside && !isCode && INTERVAL.test(line))
      tell('a measured figure that no script has written');
  }
  return findings;
}

function checkFigures(root) {
  const files = listFiles(root).filter((file) => DOCUMENT.test(file));
  const data = readAll(root);
  const found = files.flatMap((file) => typed(root, file, data));
  try {
    for (const [file, text] of published(root, data)) {
      const line = firstDifference(readFile(root, file), text);
      const what = 'not what `npm run bench:publish` makes of bench/figures/';
      if (line !== undefined) found.push({ file, line, what });
    }
  } catch (error) {
    found.push({ file: 'bench/figures', line: 1, what: error.message });
  }
  return found;
}

const row = (name, ratio) => ({ name, unit: 'ns', median: 20, base: 0, ...ratio });
const DATA = JSON.stringify({
  ...{ bench: 'messages', scenario: 'a', node: '24.1.0', machine: 'two cores' },
  rows: [row('b'), row('c', { ratio: 2, low: 1.5, high: 2.5, differs: true })],
});
const HASH = createHash('sha256').update(`${DATA}\n`).digest('hex').slice(0, 12);
const FILE = 'bench/figures/messages.jsonl';
const RESULTS = [
  `<!-- figures: messages ${HASH} -->`,
  'Measured on: two cores.',
  '',
  '| Node 24.1.0 | takes | against the first |',
  '| --- | --- | --- |',
  '| **a**: `b` | 20.0 ns |  |',
  '| `c` | 20.0 ns | **2.00 ×** [1.50, 2.50] |',
  END,
];
const changed = (from, to) => RESULTS.map((line) => line.replace(from, to));
// The other parts of bench/RESULTS.md have no data there.
const CASES = [
  {
    name: 'figures as they were measured',
    files: {
      [FILE]: DATA,
      'bench/RESULTS.md': RESULTS,
      'docs/a.md': ['[1, 2]', '```', '[1.50, 2.50]', '```'],
    },
    wrong: [],
  },
  {
    name: 'another figure',
    files: { [FILE]: DATA, 'bench/RESULTS.md': changed('2.00 ×', '3.00 ×') },
    wrong: ['bench/RESULTS.md:7'],
  },
  {
    name: 'another hash',
    files: { [FILE]: DATA, 'bench/RESULTS.md': changed(HASH, '000000000000') },
    wrong: ['bench/RESULTS.md:1'],
  },
  {
    name: 'no data, figures that were typed, and a part that is missing',
    files: {
      [FILE]: DATA,
      'bench/RESULTS.md': ['# Results'],
      'docs/a.md': ['<!-- figures: demo 0 -->', '[1.00, 2.00]', END, '| 2 × [1.50, 2.50] |'],
    },
    wrong: ['docs/a.md:1', 'docs/a.md:4', 'bench/figures:1'],
  },
];

runCheck(checkFigures, CASES);
