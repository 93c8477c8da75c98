'use strict';
// tier: tools

// perRequest is there whenever somebody may call a function of the file, and stays what it is: programs that `ralloc apply` changed, run.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { folder } = require('../../../helpers/folder.js');
const { linkPackage } = require('../../../helpers/link-package.js');
const { LINE, PROVED, plan, planned, writeFiles } = require('../../../helpers/planned.js');

const CALL = 'Buffer.from(';
const USE = 'perRequest.from(';
const IMPORT = "import { perRequest } from 'ralloc';";

/** A module that `m.mjs` is in a cycle with: it calls m's early() before m has run. */
const OTHER = "import { early } from './m.mjs';\nexport const told = String(early());\n";
const EARLY = `export function early() {\n  return ${CALL}'early');\n}\nconsole.log(told);\n`;

/** What `file` becomes; it prints the same after that. */
function changed(t, files, file) {
  const dir = folder(t);
  plan(dir, files, [{ file, call: CALL, ...PROVED }]);
  linkPackage(dir, 'ralloc', path.join(__dirname, '..', '..', '..', '..'));
  const run = () => execFileSync(process.execPath, [file], { cwd: dir, encoding: 'utf8' });
  const before = run();
  const { texts, faults, left } = planned(dir);
  t.deepEqual([faults, left], [[], []]);
  writeFiles(dir, texts);
  t.is(run(), before);
  t.deepEqual(planned(dir).texts, {}, 'a second run finds nothing to do');
  return texts[file];
}

for (const [what, text, expected] of [
  [
    'a function is called above the require of ralloc',
    `console.log(\`\${f()}\`);\nconst { site } = require('ralloc');\nfunction f() {\n  return ${CALL}'f');\n}\n`,
    `${LINE}\n\nconsole.log(\`\${f()}\`);\nconst { site } = require('ralloc');\nfunction f() {\n  return ${USE}'f');\n}\n`,
  ],
  [
    'a function is called above the require of ralloc as a whole',
    `const x = f();\nconst ralloc = require('ralloc');\nfunction f() {\n  return ${CALL}'f');\n}\nconsole.log(\`\${x}\`);\n`,
    `${LINE}\n\nconst x = f();\nconst ralloc = require('ralloc');\nfunction f() {\n  return ${USE}'f');\n}\nconsole.log(\`\${x}\`);\n`,
  ],
  [
    'a pattern of a require calls a function',
    `const { none = f() } = require('node:os');\nconst { site } = require('ralloc');\nfunction f() {\n  return ${CALL}'f');\n}\nconsole.log(\`\${none}\`);\n`,
    `${LINE}\nconst { none = f() } = require('node:os');\nconst { site } = require('ralloc');\nfunction f() {\n  return ${USE}'f');\n}\nconsole.log(\`\${none}\`);\n`,
  ],
  [
    'the name of a part of a module calls a function',
    `const x = require('node:os')[f()];\nconst { site } = require('ralloc');\nfunction f() {\n  return ${CALL}'f');\n}\nconsole.log(x, \`\${f()}\`);\n`,
    `${LINE}\nconst x = require('node:os')[f()];\nconst { site } = require('ralloc');\nfunction f() {\n  return ${USE}'f');\n}\nconsole.log(x, \`\${f()}\`);\n`,
  ],
  [
    'a pattern has the rest of ralloc',
    `const { site, ...rest } = require('ralloc');\nconsole.log(rest.current(), \`\${${CALL}'f')}\`);\n`,
    `${LINE}\nconst { site, ...rest } = require('ralloc');\nconsole.log(rest.current(), \`\${${USE}'f')}\`);\n`,
  ],
  [
    'the name of ralloc is assigned later',
    `let ralloc = require('ralloc');\nconst f = () => ${CALL}'f');\nralloc = null;\nconsole.log(ralloc, \`\${f()}\`);\n`,
    `${LINE}\nlet ralloc = require('ralloc');\nconst f = () => ${USE}'f');\nralloc = null;\nconsole.log(ralloc, \`\${f()}\`);\n`,
  ],
  [
    'the name of perRequest is assigned by a loop',
    `let { perRequest } = require('ralloc');\nconst f = () => ${CALL}'f');\nfor (perRequest of [1]);\nconsole.log(perRequest, \`\${f()}\`);\n`,
    `const { perRequest: perRequestBuffers } = require('ralloc');\nlet { perRequest } = require('ralloc');\nconst f = () => ${USE.replace('perRequest', 'perRequestBuffers')}'f');\nfor (perRequest of [1]);\nconsole.log(perRequest, \`\${f()}\`);\n`,
  ],
  [
    'let that nobody assigns',
    `let { perRequest } = require('ralloc');\nconsole.log(\`\${${CALL}'f')}\`);\n`,
    `let { perRequest } = require('ralloc');\nconsole.log(\`\${${USE}'f')}\`);\n`,
  ],
]) {
  test(`CommonJS: ${what}`, (t) => t.is(changed(t, { 'app.js': text }, 'app.js'), expected));
}

for (const [what, head, expected = `${IMPORT}\n${head}`, use = USE] of [
  ['by an import', "import { told } from './other.mjs';\n"],
  [
    'by an export',
    "export { told as x } from './other.mjs';\nimport { told } from './other.mjs';\n",
    `${IMPORT}\n\nexport { told as x } from './other.mjs';\nimport { told } from './other.mjs';\n`,
  ],
  [
    'before the import of ralloc',
    "import { told } from './other.mjs';\nimport { Slab } from 'ralloc';\n",
  ],
  [
    'before the import of perRequest',
    "import { told } from './other.mjs';\nimport { perRequest as now } from 'ralloc';\n",
    "import { perRequest as perRequestBuffers } from 'ralloc';\nimport { told } from './other.mjs';\nimport { perRequest as now } from 'ralloc';\n",
    USE.replace('perRequest', 'perRequestBuffers'),
  ],
  [
    'behind the import of perRequest',
    "import { perRequest } from 'ralloc';\nimport { told } from './other.mjs';\n",
    "import { perRequest } from 'ralloc';\nimport { told } from './other.mjs';\n",
  ],
]) {
  test(`a cycle of ES modules, ${what}`, (t) => {
    const files = { 'm.mjs': `${head}${EARLY}`, 'other.mjs': OTHER };
    t.is(changed(t, files, 'm.mjs'), `${expected}${EARLY.replace(CALL, use)}`);
  });
}
