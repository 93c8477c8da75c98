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
const { release } = require('../..');
const { sharp } = require('../helpers/addons.js');
const { isNodeSince, testWhere } = require('../helpers/backend.js');
const { releases } = require('../helpers/given-back.js');
const { producers } = require('../helpers/producers.js');
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

const wordsOf = (text) => text.split(/\s+/).filter((word) => /[^|-]/.test(word)).length;
const read = (document) => fs.readFileSync(path.join(root, document), 'utf8');

test('README has 1,000 words at most, and CONTRIBUTING 900', (t) => {
  t.true(wordsOf(read('README.md')) <= 1000);
  t.true(wordsOf(read('CONTRIBUTING.md')) <= 900);
});

test('a page has 2,500 words at most besides its programs and figures, and all together 47,000', (t) => {
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
  t.true(all <= 47_000, `${all} words`);
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

// docs/reference/memory-owners.md: whose Buffers have an ArrayBuffer to themselves on this Node, and so can be released.

function tableUnder(heading) {
  const page = read('docs/reference/memory-owners.md');
  const lines = page.slice(page.indexOf(heading)).split('\n');
  const cells = (line) => line.split(/ *\| */).slice(1, -1);
  const [heads, , ...rows] = lines.filter((line) => line.startsWith('|')).map(cells);
  return { heads, rows };
}

const { heads, rows } = tableUnder('# Who owns what');
const column = heads.findLastIndex((head) => isNodeSince(...head.split('.').map(Number)));

test.before(releases);

test('the table has all that is looked at, on this Node', (t) => {
  t.true(column > 0);
  t.deepEqual(
    rows.map(([name]) => name),
    Object.keys(producers),
  );
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

test('each file of types/ that index.d.ts exports has a page, with all that it exports', (t) => {
  const exported = [...read('index.d.ts').matchAll(/^export \* from '\.\/(types\/\w+)\.js'/gm)];
  t.is(pages.size, exported.length);
  for (const [, name] of exported) {
    const page = pages.get(pageOf(`${name}.d.ts`));
    const declared = [
      ...read(`${name}.d.ts`).matchAll(
        /^export (?:declare )?(?:(?:abstract )?class|interface|type|const|function) (\w+)/gm,
      ),
    ].map(([, one]) => one);
    t.true(declared.length > 0, name);
    for (const one of declared) t.regex(page, new RegExp(`^## (?:\\w+ )?${one}$`, 'm'), name);
  }
});

test('an option has its type, its default and what it is for; a method what it throws, with a link', (t) => {
  const page = pages.get('docs/reference/api/region.md');
  t.regex(page, /^\| `autoFree` \| `boolean` \| `false` \| Frees what nobody has .*\|$/m);
  t.regex(page, /^### `alloc\(size: number, .*\): RegionBuffer`$/m);
  t.regex(page, /^Throws \[`ERR_RALLOC_LIMIT`\]\(\.\.\/errors\.md#err_ralloc_limit\): /m);
  const headings = read('docs/reference/errors.md').toLowerCase();
  for (const text of pages.values()) {
    for (const [, code] of text.matchAll(/\.\.\/errors\.md#(\w+)/g))
      t.true(headings.includes(`### \`${code}\`\n`), code);
  }
});
