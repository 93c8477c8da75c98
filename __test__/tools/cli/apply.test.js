'use strict';
// tier: tools

// `ralloc apply`: what it prints and changes.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { FILES, NOW, ROWS, application, patch } = require('../../helpers/applied.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { needsGit } = require('../../helpers/needs.js');
const { SIZE, plan } = require('../../helpers/planned.js');
const { ralloc } = require('../../helpers/profile.js');

needsGit('prints a diff that git takes, tells the rest, and changes nothing', async (t) => {
  const { dir, apply, texts } = application(t);
  const { code, stdout, stderr } = await apply();
  t.is(code, 0, stderr);
  t.deepEqual(texts(), FILES);
  t.deepEqual(stderr.trimEnd().split('\n'), [
    'ralloc: src/rows.js:1:30 rows: from the arena of its request: of 4,000 samples none outlived it',
    'ralloc: src/text.mjs:1:35 text: from the arena of its request: of 4,000 samples none outlived it',
    'ralloc: src/cache.js:2:41 put: belongs in a slab, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place',
    'ralloc: perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were',
    'ralloc: 2 files to change. To do so: ralloc apply | git apply',
  ]);
  t.is(stdout.match(/^--- a\//gm).length, 2);
  fs.writeFileSync(path.join(dir, 'of.patch'), stdout);
  execFileSync('git', ['apply', 'of.patch'], { cwd: dir, stdio: 'pipe' });
  t.deepEqual(texts(), NOW);
});

needsGit('in a folder of a repository git takes it too', async (t) => {
  const dir = fs.realpathSync(folder(t));
  execFileSync('git', ['init', '-q'], { cwd: dir });
  const inner = path.join(dir, 'packages', 'a');
  plan(inner, FILES, [ROWS]);
  const { stdout } = await ralloc(['apply'], { cwd: inner });
  fs.writeFileSync(path.join(inner, 'of.patch'), stdout);
  execFileSync('git', ['apply', 'of.patch'], { cwd: inner, stdio: 'pipe' });
  t.is(fs.readFileSync(path.join(inner, 'src/rows.js'), 'utf8'), NOW['src/rows.js']);
});

test('-o writes the diff, and a second run finds nothing to do', async (t) => {
  const { dir, apply, texts, file } = application(t);
  const printed = (await apply()).stdout;
  const { code, stdout } = await apply('-o', 'of.patch');
  t.is(code, 0);
  t.is(stdout, '');
  t.is(fs.readFileSync(file('of.patch'), 'utf8'), printed);
  t.deepEqual(texts(), FILES);
  const other = await apply('-o', 'src/cache.js');
  t.is(other.code, 1);
  t.regex(other.stderr, /src\/cache\.js exists and is no diff/);
  patch(dir, printed);
  t.deepEqual(texts(), NOW);
  const again = await apply();
  t.is(again.code, 0);
  t.is(again.stdout, '');
  t.true(
    again.stderr.endsWith('ralloc: Nothing to change, 2 sites changed before\n'),
    again.stderr,
  );
});

test('files that are given are changed alone', async (t) => {
  const { write, texts } = application(t);
  const { code } = await write('src/rows.js');
  t.is(code, 0);
  t.deepEqual(texts(), { ...FILES, 'src/rows.js': NOW['src/rows.js'] });
  const other = await write('src/other.js');
  t.is(other.code, 2);
  t.true(other.stderr.startsWith('ralloc: The table has no sites of src/other.js\n'));
});

test('packages are changed by name alone, and nothing outside of the folder', async (t) => {
  const name = 'node_modules/@a/b/x.js';
  const files = { ...FILES, [name]: FILES['src/rows.js'] };
  const { dir, write, texts } = application(t, { files, sites: [{ ...ROWS, file: name }] });
  const { code, stderr } = await write();
  t.is(code, 0);
  t.true(
    stderr.startsWith(
      `ralloc: ${name}: left: 1 site of the package @a/b. To change it: --package @a/b\n`,
    ),
  );
  t.deepEqual(texts(), files);
  const inner = await ralloc(['apply', '-t', '../ralloc.table.json', '--package', '@a/b'], {
    cwd: path.join(dir, 'src'),
  });
  t.is(inner.code, 0);
  t.is(inner.stdout, '');
  t.regex(inner.stderr, /^ralloc: \.\.\/node_modules\/@a\/b\/x\.js: left: 1 site outside of /);
  t.deepEqual(texts(), files);
  t.is((await write('--package', '@a/b')).code, 0);
  t.is(texts()[name], NOW['src/rows.js']);
});

test('lines that moved are followed', async (t) => {
  const { write, file, texts } = application(t);
  const moved = `// one\n\n  ${FILES['src/rows.js']}f();\n`;
  fs.writeFileSync(file('src/rows.js'), moved);
  const { code, stderr } = await write();
  t.is(code, 0, stderr);
  t.is(
    texts()['src/rows.js'],
    moved
      .replace('  exports', "const { perRequest } = require('ralloc');\n\n  exports")
      .replace('Buffer', 'perRequest'),
  );
  t.true(stderr.includes('ralloc: src/rows.js:3:32 rows: from the arena'), stderr);
});

test('the changed program answers the same outside of requests, and by arenas in them', async (t) => {
  const main = `'use strict';
const http = require('node:http');
const { arenas } = require('./app.js');
const { rows } = require('./src/rows.js');
const answer = async (req, res) => {
  const { text } = await import('./src/text.mjs');
  res.end(Buffer.concat([text('x'.repeat(${SIZE})), rows(${SIZE}).fill(1)]));
};
const server = http.createServer((req, res) => arenas(req, res, () => answer(req, res)));
server.listen(0, async () => {
  const response = await new Promise((resolve) =>
    http.get({ port: server.address().port, agent: false }, resolve),
  );
  const body = Buffer.concat(await response.toArray());
  const hash = require('node:crypto').createHash('sha256').update(body).digest('hex');
  const outside = rows(10).fill(2).toString('hex');
  server.close();
  server.closeAllConnections();
  const { backend } = require('ralloc');
  console.log(JSON.stringify({ hash, outside, own: arenas.stats().memory.mapped > 0, backend }));
});
`;
  const files = { ...FILES, 'main.js': main };
  const { dir, write } = application(t, { files });
  linkPackage(dir, 'ralloc', path.join(__dirname, '..', '..', '..'));
  const runs = () => JSON.parse(execFileSync(process.execPath, ['main.js'], { cwd: dir }));
  const before = runs();
  t.is((await write()).code, 0);
  const after = runs();
  t.is(after.hash, before.hash);
  t.is(after.outside, before.outside);
  t.deepEqual([before.own, after.own], [false, true]);
});
