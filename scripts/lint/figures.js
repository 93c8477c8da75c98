'use strict';

// Figures of documents and charts are what bench/publish.js makes of the data in bench/figures/, whose hash stands beside them, and
// measured ratios stand nowhere else: no line outside of a part that it writes has an interval such as [0.59, 0.90].

const { END, published, readAll } = require('../../bench/publish.js');
const { listFiles, readFile } = require('../lib/files.js');

const DOCUMENT = /^(?:README\.md|docs\/.*\.md|bench\/RESULTS\.md)$/;
const WRITTEN = new RegExp(`<!-- figures: [\\s\\S]*?${END}|\`\`\`[\\s\\S]*?\`\`\``, 'g'); // or what a program prints, as an example
const INTERVAL = /\[\d+\.\d+, \d+\.\d+\]/;

const lineOf = (text, at) => text.slice(0, at).split('\n').length;

function typed(root, file) {
  const text = readFile(root, file).replace(WRITTEN, (part) => part.replace(/./g, ' '));
  const at = text.search(INTERVAL);
  const what = 'a measured figure that no script has written';
  return at < 0 ? [] : [{ file, line: lineOf(text, at), what }];
}

module.exports = (root) => {
  const found = listFiles(root)
    .filter((file) => DOCUMENT.test(file))
    .flatMap((file) => typed(root, file));
  for (const [file, text] of published(root, readAll(root))) {
    const there = readFile(root, file);
    if (there === text) continue;
    const line = lineOf(
      there,
      [...there].findIndex((letter, index) => letter !== text[index]),
    );
    found.push({ file, line, what: 'not what `npm run bench:publish` makes of bench/figures/' });
  }
  return found;
};
