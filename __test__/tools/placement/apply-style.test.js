'use strict';
// tier: tools

// How `ralloc apply` writes: on lines of its own, all other bytes of the file stay, and a second run finds nothing to do. perRequest is there whenever
// somebody may call a function of the file, and stays what it is.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const module_ = require('node:module');
const path = require('node:path');
const { testWhere } = require('../../helpers/backend.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { hasGit } = require('../../helpers/needs.js');
const { MOUNT, PROVED, plan, planned, writeFiles } = require('../../helpers/planned.js');

const ROOT = path.join(__dirname, '..', '..', '..');
const CALL = 'Buffer.allocUnsafe(';
const body = `exports.f = (n) => ${CALL}n);\n`;
const esm = `export const f = (n) => ${CALL}n);\n`;
const REQUIRE = "const { perRequest } = require('ralloc');\n";
const IMPORT = "import { perRequest } from 'ralloc';\n";
const renamed = (name) => `const { perRequest: ${name} } = require('ralloc');\n`;

/** A text in which «» enclose what is written into it: without that, and with it, where Buffer's `call` has become that of `name`. */
const before = (marked) => marked.replace(/«[^»]*»/g, '');
const after = (marked, name = 'perRequest', call = CALL) =>
  marked.replace(/[«»]/g, '').replaceAll(call, call.replace('Buffer', name));

/** The text that a file gets; a second run, also by a table of before, changes nothing; where git is, the diff makes the same. */
function styled(t, text, { file = 'app.js', files = {} } = {}) {
  const dir = folder(t);
  plan(dir, { [file]: text, 'mount.cjs': MOUNT, ...files }, [{ file, call: CALL, ...PROVED }]);
  const { texts, diff, faults, left } = planned(dir);
  t.deepEqual(faults, []);
  t.deepEqual(left, []);
  const bom = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  fs.writeFileSync(path.join(dir, 'of.patch'), diff);
  const git = (...args) => execFileSync('git', args, { cwd: dir, stdio: 'pipe' });
  if (hasGit) {
    git('init', '-q');
    git('-c', 'core.autocrlf=false', 'apply', '--whitespace=nowarn', 'of.patch');
  } else {
    fs.writeFileSync(path.join(dir, file), bom + texts[file]);
  }
  const result = fs.readFileSync(path.join(dir, file), 'utf8');
  t.is(result, bom + texts[file]);
  const again = planned(dir);
  t.deepEqual(again.texts, {});
  t.deepEqual([again.faults, again.left], [[], []]);
  t.is(again.applied, 1);
  return result;
}

for (const [what, marked, { name, ...options } = {}] of [
  ['without anything before', `«${REQUIRE}\n»${body}`],
  ['behind "use strict"', `'use strict';\n\n«${REQUIRE}\n»${body}`],
  ['behind "use strict" in the line of code', `'use strict'; «${REQUIRE}»${body}`],
  ['behind a comment of the directive', `'use strict'; // as ever\n«${REQUIRE}\n»${body}`],
  ['behind #!', `#!/usr/bin/env node\n«${REQUIRE}\n»${body}`],
  ['behind #! and "use strict"', `#!/usr/bin/env node\n'use strict';\n«${REQUIRE}\n»${body}`],
  ['before the comment of a statement', `«${REQUIRE}\n»/* it */\n${body}`],
  ['behind a comment of the file', `/* of us */\n\n«${REQUIRE}\n»${body}`],
  ['before a comment behind "use strict"', `'use strict';\n«${REQUIRE}\n»/** It. */\n${body}`],
  ['behind a byte order mark', `\uFEFF«${REQUIRE}\n»${body}`],
  [
    'before the first require',
    `«${REQUIRE}»const a = require('a');\nconst { b } = require('b').c;\nf();\n${body}`,
  ],
  [
    'without semicolons before a parenthesis',
    `«${REQUIRE}»const a = require('a')\n;(() => {})()\n${body}`,
  ],
  [
    'without semicolons before what would go on',
    `«${REQUIRE}»require('a');\n(() => {})()\n${body}`,
  ],
  ['with CRLF', `'use strict';\n\n«${REQUIRE}\n»${body}`.replaceAll('\n', '\r\n')],
  ['without a line end', `«${REQUIRE}\n»${body.trimEnd()}`],
  ['where ralloc is known', `«${REQUIRE}»const { Slab } = require('ralloc');\n${body}`],
  [
    'where ralloc is known in several lines',
    `«${REQUIRE}»const {\n  Slab,\n  slab,\n} = require('ralloc');\n${body}`,
  ],
  ['where ralloc is known as a whole', `«${REQUIRE}»const r = require('ralloc');\n${body}`],
  ['where perRequest is known', `${REQUIRE}${body}`],
  ['where perRequest is known by another name', `${renamed('now')}${body}`, { name: 'now' }],
  ['where ralloc is known too late', `«${REQUIRE}\n»${body}const { Slab } = require('ralloc');\n`],
  [
    'where the name is taken and ralloc is known',
    `«${renamed('perRequestBuffers')}»const { Slab } = require('ralloc');\nlet perRequest = 1;\n${body}`,
    { name: 'perRequestBuffers' },
  ],
  [
    'where the name is taken',
    `«${renamed('perRequestBuffers')}\n»let perRequest = 1;\n${body}`,
    { name: 'perRequestBuffers' },
  ],
  [
    'where both names are taken',
    `«${renamed('perRequestBuffers2')}\n»let perRequest = 1, perRequestBuffers;\n${body}`,
    { name: 'perRequestBuffers2' },
  ],
  ['where perRequest is a property', `«${REQUIRE}\n»x.perRequest = 1;\n${body}`],
  ['a module of ES', `«${IMPORT}\n»${esm}`],
  ['a module of ES by its name', `«${IMPORT}\n»${esm}`, { file: 'app.mjs' }],
  [
    'a module of ES by its package',
    `«${IMPORT}\n»f();\n(n) => ${CALL}n);\n`,
    { files: { 'package.json': '{"type":"module"}' } },
  ],
  ['a module of ES with imports', `«${IMPORT}»import a from "a"; // one\nimport 'b';\n\n${esm}`],
  ['a module of ES that knows ralloc', `«${IMPORT}»import r, { Slab } from 'ralloc';\n${esm}`],
  [
    'a module of ES that knows ralloc as a whole',
    `«${IMPORT}»import * as r from 'ralloc';\n${esm}`,
  ],
  [
    'a module of CommonJS with return',
    `«${REQUIRE}\n»if (x) return;\n${body}`,
    { file: 'app.cjs' },
  ],
  [
    'texts with characters of two and four bytes',
    `«${REQUIRE}\n»// é 😀\nexports.f = (n) => ['😀', ${CALL}n), 'é'];\n`,
  ],
]) {
  test(`${what}: ${options.file ?? 'app.js'}`, (t) => {
    t.is(styled(t, before(marked), options), after(marked, name));
  });
}

test('a call in two lines, as a formatter writes it', (t) => {
  const text = 'exports.f = (n) =>\n  Buffer\n    .allocUnsafe(n)\n    .fill(1);\n';
  const dir = folder(t);
  plan(dir, { 'app.js': text, 'mount.js': MOUNT }, [
    { file: 'app.js', call: 'Buffer\n    .allocUnsafe(', source: 'Buffer.allocUnsafe', ...PROVED },
  ]);
  const { texts } = planned(dir);
  t.is(texts['app.js'], `${REQUIRE}\n${text.replace('Buffer', 'perRequest')}`);
  writeFiles(dir, texts);
  t.like(planned(dir), { applied: 1, faults: [], left: [], texts: {} });
});

test('a diff of places far from each other has several hunks, and one where they are near', (t) => {
  const dir = folder(t);
  const gap = (n) => Array.from({ length: n }, (_, i) => `f(${i});\n`).join('');
  const text = `'use strict';\n${gap(20)}g(${CALL}1));\n${gap(6)}g(${CALL}2));\n${gap(7)}g(${CALL}3));`;
  const sites = [0, 1, 2].map((nth) => ({ file: 'a b.js', call: CALL, ...PROVED, nth }));
  plan(dir, { 'a b.js': text, 'mount.js': MOUNT }, sites);
  const { diff, texts } = planned(dir);
  t.deepEqual(diff.match(/^@@.*$/gm), [
    '@@ -1,4 +1,6 @@',
    '@@ -19,14 +21,14 @@',
    '@@ -34,4 +36,4 @@',
  ]);
  t.true(diff.startsWith('--- a/a b.js\t\n+++ b/a b.js\t\n@@'));
  t.is(diff.match(/^\\ No newline at end of file$/gm).length, 2);
  fs.writeFileSync(path.join(dir, 'of.patch'), diff);
  if (!hasGit) return;
  execFileSync('git', ['apply', 'of.patch'], { cwd: dir, stdio: 'pipe' });
  t.is(fs.readFileSync(path.join(dir, 'a b.js'), 'utf8'), texts['a b.js']);
});

const TYPED = `import type { A } from 'ralloc';
interface Row { name: string } // é 😀
type T = '😀' | 'é'; export const f = (n: number, x?: T): Buffer => ${CALL}n as number);
`;
const hasTypes = module_.stripTypeScriptTypes !== undefined;

testWhere(hasTypes, 'Node strips types', 'TypeScript, without its types, in their places', (t) => {
  t.is(styled(t, TYPED, { file: 'app.ts' }), after(`«${IMPORT}»\n${TYPED}`));
});

test('TypeScript that this Node cannot strip, or not in place, is a suggestion', (t) => {
  const dir = folder(t);
  const text = `enum A { B }\n${TYPED}`;
  plan(dir, { 'app.ts': text, 'mount.js': MOUNT }, [{ file: 'app.ts', call: CALL, ...PROVED }]);
  const { texts, left, suggestions, faults } = planned(dir);
  t.deepEqual([texts, faults], [{}, []]);
  t.deepEqual(suggestions, ['app.ts:4:76 make: perRequest.allocUnsafe()']);
  t.regex(left[0], /^app\.ts: left: its types /);
});

// Programs that were changed, run: a function may be called before the module has run to where it requires ralloc.

const FROM = 'Buffer.from(';

/** Changes `file`, which prints the same after that. */
function changes(t, files, file, marked, name) {
  const dir = folder(t);
  plan(dir, { ...files, [file]: before(marked) }, [{ file, call: FROM, ...PROVED }]);
  linkPackage(dir, 'ralloc', ROOT);
  const run = () => execFileSync(process.execPath, [file], { cwd: dir, encoding: 'utf8' });
  const printed = run();
  const { texts, faults, left } = planned(dir);
  t.deepEqual([faults, left], [[], []]);
  t.is(texts[file], after(marked, name, FROM));
  writeFiles(dir, texts);
  t.is(run(), printed);
  t.deepEqual(planned(dir).texts, {}, 'a second run finds nothing to do');
}

const SITE = "const { site } = require('ralloc');\n";
const F = `function f() {\n  return ${FROM}'f');\n}\n`;

for (const [what, marked, name] of [
  [
    'a function is called above the require of ralloc',
    `«${REQUIRE}\n»console.log(\`\${f()}\`);\n${SITE}${F}`,
  ],
  [
    'a function is called above the require of ralloc as a whole',
    `«${REQUIRE}\n»const x = f();\nconst ralloc = require('ralloc');\n${F}console.log(\`\${x}\`);\n`,
  ],
  [
    'a pattern of a require calls a function',
    `«${REQUIRE}»const { none = f() } = require('node:os');\n${SITE}${F}console.log(\`\${none}\`);\n`,
  ],
  [
    'the name of a part of a module calls a function',
    `«${REQUIRE}»const x = require('node:os')[f()];\n${SITE}${F}console.log(x, \`\${f()}\`);\n`,
  ],
  [
    'a pattern has the rest of ralloc',
    `«${REQUIRE}»const { site, ...rest } = require('ralloc');\nconsole.log(rest.current(), \`\${${FROM}'f')}\`);\n`,
  ],
  [
    'the name of ralloc is assigned later',
    `«${REQUIRE}»let ralloc = require('ralloc');\nconst f = () => ${FROM}'f');\nralloc = null;\nconsole.log(ralloc, \`\${f()}\`);\n`,
  ],
  [
    'the name of perRequest is assigned by a loop',
    `«${renamed('perRequestBuffers')}»let { perRequest } = require('ralloc');\nconst f = () => ${FROM}'f');\nfor (perRequest of [1]);\nconsole.log(perRequest, \`\${f()}\`);\n`,
    'perRequestBuffers',
  ],
  [
    'let that nobody assigns',
    `let { perRequest } = require('ralloc');\nconsole.log(\`\${${FROM}'f')}\`);\n`,
  ],
]) {
  test(`CommonJS: ${what}`, (t) => changes(t, {}, 'app.js', marked, name));
}

/** A module that `m.mjs` is in a cycle with: it calls m's early() before m has run. */
const OTHER = "import { early } from './m.mjs';\nexport const told = String(early());\n";
const TOLD = "import { told } from './other.mjs';\n";
const EARLY = `export function early() {\n  return ${FROM}'early');\n}\nconsole.log(told);\n`;

for (const [what, head, name] of [
  ['by an import', `«${IMPORT}»${TOLD}`],
  ['by an export', `«${IMPORT}\n»export { told as x } from './other.mjs';\n${TOLD}`],
  ['before the import of ralloc', `«${IMPORT}»${TOLD}import { Slab } from 'ralloc';\n`],
  [
    'before the import of perRequest',
    `«import { perRequest as perRequestBuffers } from 'ralloc';\n»${TOLD}import { perRequest as now } from 'ralloc';\n`,
    'perRequestBuffers',
  ],
  ['behind the import of perRequest', `${IMPORT}${TOLD}`],
]) {
  test(`a cycle of ES modules, ${what}`, (t) =>
    changes(t, { 'other.mjs': OTHER }, 'm.mjs', `${head}${EARLY}`, name));
}
