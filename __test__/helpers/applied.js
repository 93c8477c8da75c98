'use strict';

// An application of some files with a table, and `ralloc apply` in its folder.

const fs = require('node:fs');
const path = require('node:path');
const { patch } = require('../../bench/rows/prepare.js');
const { calledIn } = require('./cli.js');
const { folder } = require('./folder.js');
const { PROVED, plan } = require('./planned.js');

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

module.exports = { CACHE, FILES, NOW, ROWS, TEXT, application, patch };
