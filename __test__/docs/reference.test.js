'use strict';
// tier: tools

// The reference that a release has, made of the types: scripts/release/reference.js.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { pageOf } = require('../../scripts/release/links.js');
const { reference } = require('../../scripts/release/reference.js');

const root = path.join(__dirname, '..', '..');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
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
