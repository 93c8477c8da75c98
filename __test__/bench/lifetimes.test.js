'use strict';
// tier: tools, long

// bench/lifetimes.js: what it measures is what `ralloc apply` makes, and all of it runs.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { prepare } = require('../../bench/fixtures/rows/prepare.js');
const { kinds } = require('../../bench/lifetimes.js');
const { Child } = require('../../bench/method/child.js');
const { merge } = require('../../bench/report.js');
const { readTable } = require('../../lib/site/table-file.js');
const { nativeTest, posixTest, testWhere } = require('../helpers/backend.js');
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

needsFolderLinks('a trial follows its table', async (t) => {
  const dirs = prepare(fs.realpathSync(folder(t)), 2 ** 18);
  const load = [process.execPath, fixturePath('tools/recorder/rows.js'), '50'];
  const tried = await ralloc(['trial', '--', ...load], { cwd: dirs.plain });
  t.is(tried.code, 0, tried.stderr);
  t.regex(tried.stderr, /1 of 1 site was active: 50 Buffers/);
  const none = await ralloc(['trial', '--', ...load], { cwd: dirs.empty });
  t.regex(none.stderr, /proves of no line/);
});

testWhere(
  process.platform === 'linux',
  'Linux',
  'a server has as much memory of its own as it is given',
  async (t) => {
    const dataOf = (limits) => /^Max data size +(\S+)/m.exec(limits)[1];
    const given = async (options) => {
      const child = new Child(fixturePath('bench/limits.js'), [], options);
      const limits = await child.call('limits');
      await child.stop();
      return dataOf(limits);
    };
    t.is(await given({ dataBytes: 2 ** 30 }), String(2 ** 30));
    t.is(await given({}), dataOf(fs.readFileSync('/proc/self/limits', 'utf8')));
  },
);

posixTest('every rival answers the same, and has its figures', async (t) => {
  const one = path.join(ROOT, 'bench', 'one.js');
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [one, 'lifetimes.js', '256 KiB a request'],
    { env: { ...process.env, RALLOC_BENCH_QUICK: '1' } },
  );
  const { rows } = merge([JSON.parse(stdout)]);
  const of = (what) =>
    rows.filter(({ name }) => name.startsWith(what)).map(({ name }) => name.slice(what.length));
  const rivals = rows.slice(0, rows.length / 5).map(({ name }) => name);
  t.deepEqual(rivals.slice(0, 4), ['plain', 'plain again', 'apply', 'apply + free']);
  t.true(rivals.every((name) => name in kinds.rows));
  for (const what of ['peak RSS, ', 'major GCs in 10,000, ', 'requests/s, ', 'P99, ']) {
    t.deepEqual(of(what), rivals, what);
  }
  for (const { name, median, base, derived } of rows) {
    if (derived) continue;
    t.true(median > 0, name);
    t.true(rows[base].name.endsWith('plain'), name);
  }
  t.is(stderr, '');
});
