'use strict';
// tier: tools

// What every document is to keep: links that lead somewhere, and a length that people read.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { heapFlags } = require('../../lib/base/bytes.js');
const { allDocuments, brokenLinks, programs } = require('../helpers/snippets.js');
const { release } = require('../..');
const { sharp } = require('../helpers/addons.js');
const { isNodeSince, testWhere } = require('../helpers/backend.js');
const { releases } = require('../helpers/given-back.js');
const { producers } = require('../helpers/producers.js');
const { page } = require('../../scripts/cli-page.js');
const { pageOf } = require('../../scripts/release/links.js');
const { reference } = require('../../scripts/release/reference.js');

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

const read = (document) => fs.readFileSync(path.join(root, document), 'utf8');
/** As `wc -w` counts, programs and figures included. */
const wordsOf = (document) => read(document).split(/\s+/).filter(Boolean).length;
const MOST = { 'README.md': 750, 'CONTRIBUTING.md': 1005 };
const MOST_OF_A_GUIDE = 2000;
const MOST_OF_ALL = 42_000; // of docs/

test('README, CONTRIBUTING, each guide and all of docs/ are no longer than people read', (t) => {
  for (const [document, most] of Object.entries(MOST))
    t.true(wordsOf(document) <= most, `${document}: ${wordsOf(document)} words`);
  const docs = allDocuments().filter((document) => document.startsWith('docs/'));
  const long = docs.filter(
    (document) => document.startsWith('docs/guide/') && wordsOf(document) > MOST_OF_A_GUIDE,
  );
  t.deepEqual(long, []);
  const all = docs.reduce((sum, document) => sum + wordsOf(document), 0);
  t.true(all <= MOST_OF_ALL, `${all} words`);
});

test('the page of the command line is what the verbs print', (t) => {
  t.is(read('docs/reference/cli.md'), page(), 'run node scripts/cli-page.js');
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

// docs/guide/bodies.md: whose Buffers have an ArrayBuffer to themselves on this Node, and so can be
// released.

function tableUnder(heading) {
  const text = read('docs/guide/bodies.md');
  const lines = text.slice(text.indexOf(`\n${heading}\n`)).split('\n');
  const cells = (line) => line.split(/ *\| */).slice(1, -1);
  const [heads, , ...rows] = lines.filter((line) => line.startsWith('|')).map(cells);
  return { heads, rows };
}

const { heads, rows: differing } = tableUnder('## Who owns what');
const [, always] = /^- Own on every version: (.*)$/m.exec(read('docs/guide/bodies.md'));
/** Those that are their own on each version have a list. */
const rows = [
  ...always.split('; ').map((name) => [name, ...heads.slice(1).map(() => 'own')]),
  ...differing,
];
const column = heads.findLastIndex((head) => isNodeSince(...head.split('.').map(Number)));

test.before(releases);

test('the table has all that is looked at, on this Node', (t) => {
  t.true(column > 0);
  t.deepEqual(rows.map(([name]) => name).sort(), Object.keys(producers).sort());
});

for (const row of rows) {
  const [name, said] = [row[0], row[column]];
  const hasIt = !name.includes('sharp') || sharp !== undefined;
  testWhere(hasIt, "sharp's binary", `${name}: ${said}`, async (t) => {
    const chunks = await producers[name]();
    t.true(chunks.length > 0);
    for (const chunk of chunks) {
      const { length } = chunk;
      const owns = length === chunk.buffer.byteLength;
      if (said !== 'some') t.is(owns, said !== 'shared');
      t.is(release(chunk), owns && said !== 'bound' ? length : 0);
    }
  });
}

// The reference that a release has, made of the types: scripts/release/reference.js.

const pages = new Map(reference(root));

test('each file of types/ that index.d.ts exports, and each entry point with functions, has a page with all that it exports', (t) => {
  const exported = [...read('index.d.ts').matchAll(/^export \* from '\.\/(types\/\w+)\.js'/gm)];
  const doors = ['express', 'http', 'koa', 'hono', 'nest', 'test'].map((name) => `types/${name}`);
  const names = [...exported.map(([, name]) => name), ...doors];
  t.is(pages.size, names.length);
  for (const name of names) {
    const shown = pages.get(pageOf(`${name}.d.ts`));
    const declared = [
      ...read(`${name}.d.ts`).matchAll(
        /^export (?:declare )?(?:(?:abstract )?class|interface|type|const|function) (\w+)/gm,
      ),
    ].map(([, one]) => one);
    t.true(declared.length > 0, name);
    for (const one of declared) t.regex(shown, new RegExp(`^## (?:\\w+ )?${one}$`, 'm'), name);
  }
});

test('an option has its type, its default and what it is for; a method what it throws, with a link', (t) => {
  const region = pages.get('docs/reference/api/region.md');
  t.regex(region, /^\| `autoFree` \| `boolean` \| `false` \| Frees what nobody has .*\|$/m);
  t.regex(region, /^### `alloc\(size: number, .*\): RegionBuffer`$/m);
  t.regex(region, /^Throws \[`ERR_RALLOC_LIMIT`\]\(\.\.\/errors\.md#err_ralloc_limit\): /m);
  const headings = read('docs/reference/errors.md').toLowerCase();
  for (const text of pages.values()) {
    for (const [, code] of text.matchAll(/\.\.\/errors\.md#(\w+)/g))
      t.true(headings.includes(`### \`${code}\`\n`), code);
  }
});
