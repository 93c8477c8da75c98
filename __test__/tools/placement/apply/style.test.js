'use strict';
// tier: tools

// How `ralloc apply` writes: on lines of its own, all other bytes of the file stay; and that a second run finds nothing to do.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const module_ = require('node:module');
const path = require('node:path');
const { testWhere } = require('../../../helpers/backend.js');
const { folder } = require('../../../helpers/folder.js');
const { hasGit } = require('../../../helpers/needs.js');
const { PROVED, plan, planned, writeFiles } = require('../../../helpers/planned.js');

const MOUNT = "const { requestArena } = require('ralloc');\nrequestArena({ context: true });\n";
const CALL = 'Buffer.allocUnsafe(';
const USE = 'perRequest.allocUnsafe(';

/** The text that a file gets; a second run, also by a table of before, changes nothing; where git is, the diff makes the same. */
function styled(t, text, { file = 'app.js', files = {}, call = CALL, ...options } = {}) {
  const dir = folder(t);
  plan(dir, { [file]: text, 'mount.cjs': MOUNT, ...files }, [{ file, call, ...PROVED }]);
  const { texts, diff, faults, left } = planned(dir, options);
  t.deepEqual(faults, []);
  t.deepEqual(left, []);
  const bom = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  fs.writeFileSync(path.join(dir, 'of.patch'), diff);
  const git = (...args) => execFileSync('git', args, { cwd: dir, stdio: 'pipe' });
  if (hasGit) {
    git('init', '-q');
    git('-c', 'core.autocrlf=false', 'apply', '--whitespace=nowarn', 'of.patch');
  } else {
    writeFiles(dir, texts);
    fs.writeFileSync(path.join(dir, file), bom + texts[file]);
  }
  const result = fs.readFileSync(path.join(dir, file), 'utf8');
  t.is(result, bom + texts[file]);
  const again = planned(dir, options);
  t.deepEqual(again.texts, {});
  t.deepEqual([again.faults, again.left], [[], []]);
  t.is(again.applied, 1);
  return result;
}

const body = `exports.f = (n) => ${CALL}n);\n`;
const used = `exports.f = (n) => ${USE}n);\n`;
const REQUIRE = "const { perRequest } = require('ralloc');\n";
const IMPORT = "import { perRequest } from 'ralloc';\n";
const esm = body.replace('exports.f', 'export const f');
const esmUsed = used.replace('exports.f', 'export const f');

for (const [what, text, expected, options] of [
  ['without anything before', body, `${REQUIRE}\n${used}`],
  ['behind "use strict"', `'use strict';\n\n${body}`, `'use strict';\n\n${REQUIRE}\n${used}`],
  [
    'behind "use strict" in the line of code',
    `'use strict'; ${body}`,
    `'use strict'; ${REQUIRE}${used}`,
  ],
  [
    'behind a comment of the directive',
    `'use strict'; // as ever\n${body}`,
    `'use strict'; // as ever\n${REQUIRE}\n${used}`,
  ],
  ['behind #!', `#!/usr/bin/env node\n${body}`, `#!/usr/bin/env node\n${REQUIRE}\n${used}`],
  [
    'behind #! and "use strict"',
    `#!/usr/bin/env node\n'use strict';\n${body}`,
    `#!/usr/bin/env node\n'use strict';\n${REQUIRE}\n${used}`,
  ],
  ['before the comment of a statement', `/* it */\n${body}`, `${REQUIRE}\n/* it */\n${used}`],
  ['behind a comment of the file', `/* of us */\n\n${body}`, `/* of us */\n\n${REQUIRE}\n${used}`],
  [
    'before a comment behind "use strict"',
    `'use strict';\n/** It. */\n${body}`,
    `'use strict';\n${REQUIRE}\n/** It. */\n${used}`,
  ],
  ['behind a byte order mark', `\uFEFF${body}`, `\uFEFF${REQUIRE}\n${used}`],
  [
    'before the first require',
    `const a = require('a');\nconst { b } = require('b').c;\nf();\n${body}`,
    `${REQUIRE}const a = require('a');\nconst { b } = require('b').c;\nf();\n${used}`,
  ],
  [
    'without semicolons before a parenthesis',
    `const a = require('a')\n;(() => {})()\n${body}`,
    `${REQUIRE}const a = require('a')\n;(() => {})()\n${used}`,
  ],
  [
    'without semicolons before what would go on',
    `require('a');\n(() => {})()\n${body}`,
    `${REQUIRE}require('a');\n(() => {})()\n${used}`,
  ],
  [
    'with CRLF',
    `'use strict';\r\n\r\n${body.replace('\n', '\r\n')}`,
    `'use strict';\r\n\r\n${REQUIRE.replace('\n', '\r\n')}\r\n${used.replace('\n', '\r\n')}`,
  ],
  ['without a line end', body.trimEnd(), `${REQUIRE}\n${used.trimEnd()}`],
  [
    'where ralloc is known',
    `const { Slab } = require('ralloc');\n${body}`,
    `${REQUIRE}const { Slab } = require('ralloc');\n${used}`,
  ],
  [
    'where ralloc is known in several lines',
    `const {\n  Slab,\n  slab,\n} = require('ralloc');\n${body}`,
    `${REQUIRE}const {\n  Slab,\n  slab,\n} = require('ralloc');\n${used}`,
  ],
  [
    'where ralloc is known as a whole',
    `const r = require('ralloc');\n${body}`,
    `${REQUIRE}const r = require('ralloc');\n${used}`,
  ],
  ['where perRequest is known', `${REQUIRE}${body}`, `${REQUIRE}${used}`],
  [
    'where perRequest is known by another name',
    `const { perRequest: now } = require('ralloc');\n${body}`,
    `const { perRequest: now } = require('ralloc');\n${used.replace('perRequest', 'now')}`,
  ],
  [
    'where ralloc is known too late',
    `${body}const { Slab } = require('ralloc');\n`,
    `${REQUIRE}\n${used}const { Slab } = require('ralloc');\n`,
  ],
  [
    'where the name is taken and ralloc is known',
    `const { Slab } = require('ralloc');\nlet perRequest = 1;\n${body}`,
    `const { perRequest: perRequestBuffers } = require('ralloc');\nconst { Slab } = require('ralloc');\nlet perRequest = 1;\n${used.replace('perRequest', 'perRequestBuffers')}`,
  ],
  [
    'where the name is taken',
    `let perRequest = 1;\n${body}`,
    `const { perRequest: perRequestBuffers } = require('ralloc');\n\nlet perRequest = 1;\n${used.replace('perRequest', 'perRequestBuffers')}`,
  ],
  [
    'where both names are taken',
    `let perRequest = 1, perRequestBuffers;\n${body}`,
    `const { perRequest: perRequestBuffers2 } = require('ralloc');\n\nlet perRequest = 1, perRequestBuffers;\n${used.replace('perRequest', 'perRequestBuffers2')}`,
  ],
  [
    'where perRequest is a property',
    `x.perRequest = 1;\n${body}`,
    `${REQUIRE}\nx.perRequest = 1;\n${used}`,
  ],
  ['a module of ES', esm, `${IMPORT}\n${esmUsed}`],
  ['a module of ES by its name', esm, `${IMPORT}\n${esmUsed}`, { file: 'app.mjs' }],
  [
    'a module of ES by its package',
    `f();\n(n) => ${CALL}n);\n`,
    `${IMPORT}\nf();\n(n) => ${USE}n);\n`,
    { files: { 'package.json': '{"type":"module"}' } },
  ],
  [
    'a module of ES with imports',
    `import a from "a"; // one\nimport 'b';\n\n${esm}`,
    `${IMPORT}import a from "a"; // one\nimport 'b';\n\n${esmUsed}`,
  ],
  [
    'a module of ES that knows ralloc',
    `import r, { Slab } from 'ralloc';\n${esm}`,
    `${IMPORT}import r, { Slab } from 'ralloc';\n${esmUsed}`,
  ],
  [
    'a module of ES that knows ralloc as a whole',
    `import * as r from 'ralloc';\n${esm}`,
    `${IMPORT}import * as r from 'ralloc';\n${esmUsed}`,
  ],
  [
    'a module of CommonJS with return',
    `if (x) return;\n${body}`,
    `${REQUIRE}\nif (x) return;\n${used}`,
    { file: 'app.cjs' },
  ],
]) {
  test(`${what}: ${JSON.stringify(options?.file ?? 'app.js')}`, (t) => {
    t.is(styled(t, text, options), expected);
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
  fs.writeFileSync(path.join(dir, 'app.js'), texts['app.js']);
  const { applied, faults, left, texts: again } = planned(dir);
  t.deepEqual([applied, faults, left, again], [1, [], [], {}]);
});

test('texts with characters of two and four bytes', (t) => {
  const text = `// é 😀\nexports.f = (n) => ['😀', ${CALL}n), 'é'];\n`;
  t.is(styled(t, text), `${REQUIRE}\n${text.replace(CALL, USE)}`);
});

test('a diff of places far from each other has several hunks, and one where they are near', (t) => {
  const dir = folder(t);
  const gap = (n) => Array.from({ length: n }, (_, i) => `f(${i});\n`).join('');
  const text = `'use strict';\n${gap(20)}g(${CALL}1));\n${gap(6)}g(${CALL}2));\n${gap(7)}g(${CALL}3));`;
  const site = { file: 'a b.js', call: CALL, ...PROVED };
  plan(
    dir,
    { 'a b.js': text, 'mount.js': MOUNT },
    [0, 1, 2].map((nth) => ({ ...site, nth })),
  );
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

const hasTypes = module_.stripTypeScriptTypes !== undefined;
const TYPED = `import type { A } from 'ralloc';
interface Row { name: string } // é 😀
type T = '😀' | 'é'; export const f = (n: number, x?: T): Buffer => ${CALL}n as number);
`;

testWhere(hasTypes, 'Node strips types', 'TypeScript, without its types, in their places', (t) => {
  t.is(styled(t, TYPED, { file: 'app.ts' }), `${IMPORT}\n${TYPED.replace(CALL, USE)}`);
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
