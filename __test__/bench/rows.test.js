'use strict';
// tier: soak, long

// The applications `rows` and `rows-region`: what they measure is what `ralloc apply` makes.

const fs = require('node:fs');
const path = require('node:path');
const { prepare } = require('../../bench/rows/prepare.js');
const { readTable } = require('../../lib/site/table-file.js');
const { folder } = require('../helpers/folder.js');
const { needsFolderLinks } = require('../helpers/needs.js');

const ROOT = path.join(__dirname, '..', '..');

needsFolderLinks('what is applied is what the example has, and the rest stays', (t) => {
  const dirs = prepare(fs.realpathSync(folder(t)), 2 ** 18);
  const read = (...names) => fs.readFileSync(path.join(...names), 'utf8');
  t.is(read(dirs.apply, 'rows.js'), read(ROOT, 'examples', 'rows', 'rows.js'));
  t.true(read(dirs.apply, 'mount.js').includes('requestArena({ context: true })'));
  for (const name of ['app.js', 'journal.js', 'lines.js', 'reports.js', 'sessions.js']) {
    t.is(read(dirs.apply, name), read(dirs.plain, name), name);
  }
  const { sites } = readTable(path.join(dirs.plain, 'ralloc.table.json'));
  t.deepEqual(
    sites.map(({ file, strategy }) => [file, strategy]),
    [
      ['reports.js', 'region'],
      ['rows.js', 'request'],
      ['sessions.js', 'region'],
    ],
  );
  t.deepEqual(readTable(path.join(dirs.empty, 'ralloc.table.json')).sites, []);
});
