'use strict';
// tier: tools

// What every document is to keep: links that lead somewhere, and the one risk told where it belongs, with its remedies.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { allDocuments, brokenLinks } = require('../helpers/snippets.js');

const root = path.join(__dirname, '..', '..');
for (const document of allDocuments()) {
  test(`${document}: its links lead somewhere`, (t) => {
    t.deepEqual(brokenLinks(document), []);
  });
}

/** A document's sections, each with its heading. */
const sectionsOf = (document) =>
  fs.readFileSync(path.join(root, document), 'utf8').split(/^(?=#+ )/m);

const RISK = /los(?:es|ing),\s+send(?:s|ing)\s+or\s+overwrit(?:es|ing)/i;

test('no document begins with what the guard does not cover', (t) => {
  for (const document of allDocuments()) {
    const [first] = sectionsOf(document).filter((section) => section.trim() !== '');
    t.notRegex(first.split('\n\n').slice(0, 2).join('\n\n'), RISK, document);
  }
});

test('where a document tells of that, it says how to keep the memory and how to copy the bytes', (t) => {
  let told = 0;
  for (const document of allDocuments()) {
    for (const section of sectionsOf(document).filter((text) => RISK.test(text))) {
      told++;
      t.regex(section, /hold/i, document);
      t.regex(section, /copyOut|'gc'/, document);
    }
  }
  t.true(told > 3);
});
