'use strict';
// tier: tools, long

// A service of Express with a parser of rows, a cache, a store of sessions and a leak, in a folder with a space in its name, in files whose lines end with
// CRLF: it is recorded, and its lines get what a person would give them. On trial, with ralloc/auto and changed it answers the same, byte for byte.

const fs = require('node:fs');
const path = require('node:path');
const { patch } = require('../../../bench/rows/prepare.js');
const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { readTable, textOf } = require('../../../lib/site/table-file.js');
const { explain } = require('../../../tools/placement/bake/bake.js');
const { Profile } = require('../../../tools/recorder/profile.js');
const { nativeTest } = require('../../helpers/backend.js');
const { budget } = require('../../helpers/budget.js');
const { fixturePath, run } = require('../../helpers/child.js');
const { calledIn } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { ralloc } = require('../../helpers/profile.js');
const { told } = require('../../helpers/tried.js');

const REQUESTS = budget(700, 4000, 700); // with 4,000 the recording proves by itself where parseRows() belongs
const IS_WINDOWS = process.platform === 'win32';
const ROOT = path.join(__dirname, '..', '..', '..');

/** As another shell has it: on Windows with another case of the drive letter, and elsewhere as it is. */
const other = (file) =>
  IS_WINDOWS ? file.replace(/^[A-Za-z]/, (c) => (c === 'C' ? 'c' : c.toUpperCase())) : file;

/** The same, with slashes and letters that a person may type; endings Node knows by their letters. */
const typed = (file) =>
  IS_WINDOWS ? file.replaceAll('\\', '/').replace(/^.*(?=\.)/, (name) => name.toUpperCase()) : file;

function service(t) {
  const from = fixturePath('tools/placement/applied');
  const dir = path.join(fs.realpathSync(folder(t)), 'My App');
  fs.cpSync(from, dir, { recursive: true });
  for (const name of fs.readdirSync(dir, { recursive: true })) {
    const file = path.join(dir, name);
    if (!fs.statSync(file).isFile()) continue;
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll('\n', '\r\n'));
  }
  linkPackage(dir, 'ralloc', ROOT);
  linkPackage(dir, 'express', fs.realpathSync(path.join(ROOT, 'node_modules', 'express')));
  return dir;
}

/** Each line has what a person would give it. */
function assertLines(t, dir, table) {
  const of = (file) => table.sites.find((site) => site.file === file);
  const rows = of('lib/rows.js');
  t.like(rows, { function: 'parseRows', source: 'Buffer.allocUnsafe', size: 131_072 });
  t.true(rows.samples >= 0.97 * REQUESTS, `${rows.samples}`);
  // On a machine that stands still an operation may take longer than its request.
  t.is(rows.strategy === 'request', rows.exceptions <= rows.samples / 1000);
  for (const name of ['lib/cache.js', 'lib/sessions.js'])
    t.true(['slab', 'region'].includes(of(name)?.strategy), JSON.stringify(of(name)));
  t.like(of('lib/journal.js'), { strategy: 'leave', reason: 'never-ends' });
  for (const { file, offset, callee, line } of table.sites) {
    const text = fs.readFileSync(path.join(dir, file), 'utf8');
    t.is(text.slice(offset, offset + callee.length), callee);
    t.is(text.slice(0, offset).split('\n').length, line);
  }
  t.true(table.recorded.collectionMs > 0);
}

/** Takes for proved what a starved machine, or fewer requests than a proof has, could not prove. */
function prove(file) {
  const table = readTable(file);
  const rows = table.sites.find((site) => site.function === 'parseRows');
  const proof = { strategy: 'request', certainty: 'proved', reason: 'with-request', exceptions: 0 };
  Object.assign(rows, proof, { samples: Math.max(rows.samples, PROOF_SAMPLES), edit: true });
  fs.writeFileSync(file, textOf(table));
}

nativeTest(
  'a service is recorded, reported, baked, tried and changed, and answers the same',
  'deaths are told too late to say what died with its request',
  async (t) => {
    const dir = service(t);
    const main = path.join(dir, 'main.mjs');
    const command = [process.execPath, 'main.mjs', `${REQUESTS}`];
    const verb = async (...args) => {
      const ended = await calledIn(dir, args);
      t.is(ended.code, 0, ended.stderr);
      return ended;
    };

    const options = ['-o', 'a.jsonl', '--rate', '8k', '--budget', '100'];
    const recorded = await ralloc(['profile', ...options, '--', ...command], { cwd: other(dir) });
    t.is(recorded.code, 0, recorded.stderr);
    t.is(recorded.result.arenaBytes, 0);
    const files = Profile.read(path.join(dir, 'a.jsonl')).sites.map(({ frames: [at] }) => at?.file);
    t.true(files.includes(path.join(other(dir), 'lib', 'rows.js')), files.join('\n'));
    const answersTheSame = (ended) => {
      t.is(ended.code, 0, ended.stderr);
      t.is(ended.result.digest, recorded.result.digest);
      t.true(ended.result.arenaBytes > 0);
    };

    await verb('report', 'a.jsonl');
    const page = fs.readFileSync(path.join(dir, 'a.html'), 'utf8');
    const { after } = JSON.parse(/<script [^>]*id="data">(.*?)<\/script>/s.exec(page)[1]);
    const { line, code } = after.lines.find(({ path: file }) => file?.endsWith('rows.js'));
    t.is(line, 6);
    t.is(code.lines[line - code.first], '  const rows = Buffer.allocUnsafe(size);');

    const baked = await verb('bake', other(path.join(dir, 'a.jsonl')));
    const file = path.join(dir, 'ralloc.table.json');
    const table = readTable(file);
    t.is(baked.stdout, `${table.sites.flatMap(explain).join('\n')}\n`);
    assertLines(t, dir, table);
    prove(file);

    const trial = await ralloc(['compare', '-t', other(file), '--', ...command], { cwd: dir });
    answersTheSame(trial);
    t.regex(
      told(trial.stderr)[0],
      new RegExp(
        `^1 of 1 site was active: ${REQUESTS.toLocaleString('en')} Buffers .* from arenas of requests, 0 outside`,
      ),
    );
    answersTheSame(
      await run('', {
        path: typed(main),
        args: [`${REQUESTS}`],
        cwd: other(dir),
        execArgv: ['--import', 'ralloc/auto'],
      }),
    );

    const { stdout, stderr } = await verb('apply', '-t', other(file));
    const added = stdout.split('\n').filter((text) => text.startsWith('+'));
    t.deepEqual(added, [
      '+++ b/lib/rows.js',
      "+const { perRequest } = require('ralloc');\r",
      '+\r',
      '+  const rows = perRequest.allocUnsafe(size);\r',
    ]);
    t.is((await verb('apply', typed('lib/rows.js'))).stdout, stdout);
    for (const name of ['cache', 'sessions'])
      t.regex(
        stderr,
        new RegExp(`^ralloc: lib/${name}\\.js:\\d+:\\d+ \\S+: belongs in a .* let go: `, 'm'),
      );
    t.false(stderr.includes('journal.js'));
    patch(dir, stdout);
    t.notRegex(fs.readFileSync(path.join(dir, 'lib', 'rows.js'), 'utf8'), /(?<!\r)\n/);
    answersTheSame(await run('', { path: main, args: [`${REQUESTS}`], cwd: dir }));
  },
);
