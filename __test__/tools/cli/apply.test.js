'use strict';
// tier: tools

// `ralloc apply`: what it prints and changes.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { FILES, NOW, ROWS, TEXT, application } = require('../../helpers/applied.js');
const { posixTest } = require('../../helpers/backend.js');
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
    'ralloc: app.js:5: context: true, which current() needs',
    'ralloc: src/cache.js:2:41 put: belongs in a slab, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place',
    'ralloc: 3 files to change. To do so: --write',
  ]);
  t.is(stdout.match(/^--- a\//gm).length, 3);
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

test('--write changes the files, once, and leaves nothing else', async (t) => {
  const { dir, apply, texts, file } = application(t);
  const before = fs.readdirSync(dir, { recursive: true }).sort();
  const printed = (await apply()).stdout;
  const { code, stdout, stderr } = await apply('--write');
  t.is(code, 0);
  t.is(stdout, printed);
  t.true(stderr.endsWith('ralloc: 3 files changed\n'), stderr);
  t.deepEqual(texts(), NOW);
  t.deepEqual(fs.readdirSync(dir, { recursive: true }).sort(), before);
  const stats = fs.statSync(file('src/rows.js'));
  const again = await apply('--write');
  t.is(again.code, 0);
  t.is(again.stdout, '');
  t.true(
    again.stderr.endsWith('ralloc: Nothing to change, 2 sites changed before\n'),
    again.stderr,
  );
  t.deepEqual(fs.statSync(file('src/rows.js')).ino, stats.ino);
});

posixTest('modes stay, and links lead to what they led to', async (t) => {
  const { apply, file } = application(t);
  fs.chmodSync(file('src/rows.js'), 0o750);
  fs.renameSync(file('src/text.mjs'), file('real.mjs'));
  fs.symlinkSync('../real.mjs', file('src/text.mjs'));
  const { code, stderr } = await apply('--write');
  t.is(code, 0, stderr);
  t.is(fs.statSync(file('src/rows.js')).mode & 0o7777, 0o750);
  t.true(fs.lstatSync(file('src/text.mjs')).isSymbolicLink());
  t.is(fs.readFileSync(file('real.mjs'), 'utf8'), NOW['src/text.mjs']);
});

test('files that are given are changed alone', async (t) => {
  const { apply, texts } = application(t);
  const { code } = await apply('--write', 'src/rows.js');
  t.is(code, 0);
  t.deepEqual(texts(), { ...FILES, 'src/rows.js': NOW['src/rows.js'] });
  const other = await apply('--write', 'src/other.js');
  t.is(other.code, 2);
  t.true(other.stderr.startsWith('ralloc: The table has no sites of src/other.js\n'));
});

test('packages are changed by name alone, and nothing outside of the folder', async (t) => {
  const name = 'node_modules/@a/b/x.js';
  const files = { ...FILES, [name]: FILES['src/rows.js'] };
  const { dir, apply, texts } = application(t, { files, sites: [{ ...ROWS, file: name }] });
  const { code, stderr } = await apply('--write');
  t.is(code, 0);
  t.true(
    stderr.startsWith(
      `ralloc: ${name}: left: 1 site of the package @a/b. To change it: --package @a/b\n`,
    ),
  );
  t.deepEqual(texts(), files);
  const inner = await ralloc(
    ['apply', '--write', '-t', '../ralloc.table.json', '--package', '@a/b'],
    {
      cwd: path.join(dir, 'src'),
    },
  );
  t.is(inner.code, 0);
  t.regex(inner.stderr, /^ralloc: \.\.\/node_modules\/@a\/b\/x\.js: left: 1 site outside of /);
  t.deepEqual(texts(), files);
  t.is((await apply('--write', '--package', '@a/b')).code, 0);
  t.is(texts()[name], NOW['src/rows.js']);
});

posixTest('a link into a package, or out of the folder, is not followed', async (t) => {
  const { dir, apply, file } = application(t, { sites: [ROWS, TEXT] });
  fs.mkdirSync(file('node_modules/p'), { recursive: true });
  fs.renameSync(file('src/rows.js'), file('node_modules/p/rows.js'));
  fs.symlinkSync('../node_modules/p/rows.js', file('src/rows.js'));
  const outside = path.join(fs.realpathSync(folder(t)), 'text.mjs');
  fs.renameSync(file('src/text.mjs'), outside);
  fs.symlinkSync(outside, file('src/text.mjs'));
  const { code, stderr } = await apply('--write');
  t.is(code, 0);
  t.regex(stderr, /^ralloc: node_modules\/p\/rows\.js: left: 1 site of the package p\. /);
  t.regex(stderr, /^ralloc: \.\..*text\.mjs: left: 1 site outside of /m);
  t.is(fs.readFileSync(outside, 'utf8'), FILES['src/text.mjs']);
  t.is(fs.readFileSync(path.join(dir, 'src/rows.js'), 'utf8'), FILES['src/rows.js']);
});

test('lines that moved are followed', async (t) => {
  const { apply, file, texts } = application(t);
  const moved = `// one\n\n  ${FILES['src/rows.js']}f();\n`;
  fs.writeFileSync(file('src/rows.js'), moved);
  const { code, stderr } = await apply('--write');
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
  const { dir, apply } = application(t, { files });
  linkPackage(dir, 'ralloc', path.join(__dirname, '..', '..', '..'));
  const runs = () => JSON.parse(execFileSync(process.execPath, ['main.js'], { cwd: dir }));
  const before = runs();
  t.is((await apply('--write')).code, 0);
  const after = runs();
  t.is(after.hash, before.hash);
  t.is(after.outside, before.outside);
  t.deepEqual([before.own, after.own], [false, true]);
});
