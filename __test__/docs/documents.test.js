'use strict';
// tier: tools

// What every document is to keep: links that lead somewhere, and a length that people read.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { heapFlags } = require('../../lib/base/bytes.js');
const { allDocuments, brokenLinks, programs, proseOf } = require('../helpers/snippets.js');

const root = path.join(__dirname, '..', '..');
for (const document of allDocuments()) {
  test(`${document}: its links lead somewhere`, (t) => {
    t.deepEqual(brokenLinks(document), []);
  });
}

test('each program can be copied into a CommonJS module, which has no top-level await', (t) => {
  const shown = allDocuments().flatMap(programs);
  t.true(shown.length > 50);
  for (const { file, line, code } of shown) {
    if (/^import /m.test(code)) continue;
    t.notThrows(
      () => vm.compileFunction(code, ['require', 'module', 'exports']),
      `${file}:${line}`,
    );
  }
});

const wordsOf = (text) => text.split(/\s+/).filter((word) => /[^|-]/.test(word)).length;
const read = (document) => fs.readFileSync(path.join(root, document), 'utf8');

test('README has 1,000 words at most, and CONTRIBUTING 900', (t) => {
  t.true(wordsOf(read('README.md')) <= 1000);
  t.true(wordsOf(read('CONTRIBUTING.md')) <= 900);
});

test('a page has 2,500 words at most besides its programs and figures, and all together 45,000', (t) => {
  // References are looked up, and nobody needs to know how ralloc works inside.
  const pages = allDocuments().filter(
    (document) => document.startsWith('docs/') && !document.endsWith('/architecture.md'),
  );
  const isFigures = /<!-- figures: [\s\S]*?<!-- \/figures -->/g;
  const counted = pages.map((page) => [page, wordsOf(proseOf(page).replace(isFigures, ''))]);
  t.deepEqual(
    counted.filter(([page, words]) => words > 2500 && !page.startsWith('docs/reference/')),
    [],
  );
  const all = counted.reduce((sum, [, words]) => sum + words, 0);
  t.true(all <= 45_000, `${all} words`);
});

test('the flags of a heap leave V8 what the sum of a container, and that of a budget, say', (t) => {
  const MiB = 2 ** 20;
  const limitBy = (flags) => {
    const args = [...flags.split(' '), '-p', 'v8.getHeapStatistics().heap_size_limit'];
    return Number(execFileSync(process.execPath, args)) / MiB;
  };
  const [, flags, heap] = /`node (--max-old.+)` \| (\d+) \|/.exec(read('docs/guide/container.md'));
  t.is(flags, heapFlags(heap * MiB));
  t.is(limitBy(flags), Number(heap));
  const told = /`node (--max-old[^`]+)` leaves (\d+) MiB of (\d+)/;
  const [, others, rest, memory] = told.exec(read('docs/guide/budgets.md'));
  t.is(limitBy(others), memory - rest - 96);
});
