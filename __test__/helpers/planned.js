'use strict';

// Applications of a few files with a table, as `ralloc bake` makes one of a profile that says what a test tells of each call.

const fs = require('node:fs');
const path = require('node:path');
const acorn = require('acorn');
const jsdiff = require('diff');
const { patch } = require('../../bench/rows/prepare.js');
const { readTable, textOf } = require('../../lib/site/table-file.js');
const { diffOf, planOf } = require('../../tools/placement/apply/plan.js');
const { edited } = require('../../tools/placement/source/text.js');
const { bake } = require('../../tools/placement/bake/bake.js');
const { calledIn } = require('./cli.js');
const { profileOf } = require('./baked.js');
const { folder } = require('./folder.js');

/** Gone with their request, by as many samples as prove it. */
const PROVED = { samples: 4000, inRequest: true };
/** Too large for Node's pool, on each Node. */
const SIZE = 128 * 1024;

/** `Buffer.from(x)` in `text`: the nth of it: the line and column of the method. */
function positionOf(text, call, nth = 0) {
  let at = -1;
  for (let n = 0; n <= nth; n++) at = text.indexOf(call, at + 1);
  if (at === -1) throw new Error(`There is no ${call}`);
  const lines = text.slice(0, at + call.indexOf('.') + 1).split('\n');
  return [lines.length, lines.at(-1).length + 1];
}

/** The call's name: `Buffer.from` of `Buffer.from(x)`. */
const sourceOf = (call) => /^Buffer\.\w+/.exec(call)[0];

function writeFiles(dir, files) {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
}

/**
 * Writes `files`, texts or bytes by name, and `ralloc.table.json` of `sites`, `{ file, call, nth, at, name, …what baked.js takes }`, at: its line and column where no Buffer is written there, into `dir`. A file's byte order mark counts in no column.
 */
function plan(dir, files, sites, tableName = 'ralloc.table.json') {
  writeFiles(dir, files);
  const profile = profileOf(
    sites.map(({ file, call, nth, at, name = 'make', source = sourceOf(call), ...rest }) => {
      const text = Buffer.from(files[file])
        .toString('utf8')
        .replace(/^\uFEFF/, '');
      const [line, column] = at ?? positionOf(text, call, nth);
      return { ...{ name, source, size: SIZE }, ...rest, at: [path.join(dir, file), line, column] };
    }),
  );
  const folder = path.dirname(path.join(dir, tableName));
  const { table, warnings } = bake(profile, { folder, acorn });
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
  fs.writeFileSync(path.join(dir, tableName), textOf(table));
  return table;
}

/** What `ralloc apply` makes of it: { …planOf(), texts: the files that change, by name, diff }. */
function planned(dir, options = {}) {
  const table = readTable(path.join(dir, 'ralloc.table.json'));
  const made = planOf(acorn, table, {
    folder: dir,
    root: dir,
    files: [],
    packages: [],
    isAlloc: false,
    isAnySize: false,
    ...options,
  });
  const { changes, suggestions, left, faults, applied, files } = made;
  const texts = Object.fromEntries(
    files.map(({ name, file, edits }) => [name, edited(file.text, edits)]),
  );
  const diff = files.map(({ name, file, edits }) => diffOf(name, file, edits, jsdiff)).join('');
  return { changes, suggestions, left, faults, applied, texts, diff };
}

const MOUNT = "const { requestArena } = require('ralloc');\nrequestArena({ context: true });\n";

/** What becomes of a file app.js of this text, where this call is proved. */
function applied(
  t,
  text,
  { call = 'Buffer.allocUnsafe(', file = 'app.js', site, ...options } = {},
) {
  const dir = folder(t);
  plan(dir, { [file]: text, 'mount.js': MOUNT }, [{ file, call, ...PROVED, ...site }]);
  const result = planned(dir, options);
  t.deepEqual(result.faults, []);
  return { ...result, text: result.texts[file] };
}

/** What gets perRequest for a file of CommonJS. */
const LINE = "const { perRequest } = require('ralloc');";

const FILES = {
  'app.js':
    "'use strict';\n\nconst { requestArena } = require('ralloc');\n\nexports.arenas = requestArena({ context: true });\n",
  'src/rows.js': 'exports.rows = (n) => Buffer.allocUnsafe(n);\n',
  'src/text.mjs': "export const text = (x) => Buffer.from(x, 'utf8');\n",
  'src/cache.js':
    'const c = new Map();\nexports.put = (k, x) => c.set(k, Buffer.from(x));\nexports.drop = (k) => c.delete(k);\n',
};
const ROWS = { file: 'src/rows.js', call: 'Buffer.allocUnsafe(', name: 'rows', ...PROVED };
const TEXT = { file: 'src/text.mjs', call: 'Buffer.from(', name: 'text', ...PROVED };
const CACHE = { file: 'src/cache.js', call: 'Buffer.from(', name: 'put', samples: 100 };

const NOW = {
  ...FILES,
  'src/rows.js':
    "const { perRequest } = require('ralloc');\n\nexports.rows = (n) => perRequest.allocUnsafe(n);\n",
  'src/text.mjs':
    "import { perRequest } from 'ralloc';\n\nexport const text = (x) => perRequest.from(x, 'utf8');\n",
};

/** An application in a folder of its own: { dir, apply, write, texts }; `write()` does what the diff says. */
function application(t, { files = FILES, sites = [ROWS, TEXT, CACHE], table } = {}) {
  const dir = fs.realpathSync(folder(t));
  plan(dir, files, sites, table);
  const apply = (...args) => calledIn(dir, ['apply', ...args]);
  return {
    dir,
    file: (name) => path.join(dir, name),
    apply,
    write: async (...args) => {
      const result = await apply(...args);
      patch(dir, result.stdout);
      return result;
    },
    texts: () =>
      Object.fromEntries(
        Object.keys(files).map((name) => [name, fs.readFileSync(path.join(dir, name), 'utf8')]),
      ),
  };
}

module.exports = {
  FILES,
  LINE,
  MOUNT,
  PROVED,
  NOW,
  ROWS,
  SIZE,
  application,
  applied,
  plan,
  planned,
  writeFiles,
};
