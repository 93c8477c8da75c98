'use strict';
// tier: tools, long

// The applications `rows` and `rows-region`: what they measure is what `ralloc apply` makes.

const fs = require('node:fs');
const path = require('node:path');
const { prepare } = require('../../bench/rows/prepare.js');
const { readTable } = require('../../lib/site/table-file.js');
const { nativeTest } = require('../helpers/backend.js');
const { fixturePath } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { needsFolderLinks } = require('../helpers/needs.js');
const { ralloc } = require('../helpers/profile.js');

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

nativeTest(
  'a recording of the service says what its table says',
  'deaths are told too late to say what died with its request',
  async (t) => {
    const { plain: cwd } = prepare(fs.realpathSync(folder(t)), 2 ** 18);
    const options = ['-o', 'a.jsonl', '--rate', '8k', '--budget', '100'];
    const load = [process.execPath, fixturePath('tools/recorder/rows.js'), '4000'];
    const recorded = await ralloc(['profile', ...options, '--', ...load], { cwd });
    t.is(recorded.code, 0, recorded.stderr);
    const baked = await ralloc(['bake', '-o', 'recorded.json', 'a.jsonl'], { cwd });
    t.is(baked.code, 0, baked.stderr);

    const told = readTable(path.join(cwd, 'recorded.json')).sites;
    for (const site of readTable(path.join(cwd, 'ralloc.table.json')).sites) {
      const { file, line, column, offset, callee, function: name } = site;
      const found = told.find((one) => one.file === file && one.line === line);
      t.like(found, { column, offset, callee, function: name }, file);
      if (site.strategy !== 'request') {
        // What lives long is known of a recording of minutes alone.
        t.true(['slab', 'region'].includes(found.strategy), JSON.stringify(found));
        continue;
      }
      t.true(found.samples >= 3900, `${found.samples}`);
      if (found.strategy === 'request') t.is(found.edit, site.edit);
      // Where V8 collects twice before Node tells of deaths, those of the first are taken for some of the second.
      t.is(found.strategy === 'request', found.exceptions <= found.samples / 1000);
    }
  },
  needsFolderLinks,
);
