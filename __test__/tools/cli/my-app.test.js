'use strict';
// tier: tools

// An application in a folder with a space, with sources of CRLF, from its profile to the change of its lines. On Windows each command is run as people type it there too:
// with another drive letter's case, other slashes, and letters that the disk does not have.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { readTable, textOf } = require('../../../lib/site/table-file.js');
const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { Profile } = require('../../../tools/recorder/profile.js');
const { run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { patch } = require('../../../bench/fixtures/rows/prepare.js');
const { ralloc } = require('../../helpers/profile.js');
const { APP, SERVE, told } = require('../../helpers/tried.js');

const IS_WINDOWS = process.platform === 'win32';
const root = path.join(__dirname, '..', '..', '..');

/** More Buffers than a recording needs to say something. */
const MANY = `for (let n = 0; n < 40; n++) rows(65536);`;
const FILES = {
  'package.json': '{ "name": "my-app" }\n',
  'src/serve.js': SERVE,
  'src/rows.js': "'use strict';\n\n// rows\nexports.rows = (n) => Buffer.allocUnsafe(n);\n",
  'src/app.js': APP.replace('  res.end();', `  ${MANY}\n  res.end();`),
  'src/main.mjs':
    "import { done } from './app.js';\n\nawait done;\nglobalThis.kept = Array.from({ length: 40 }, () => Buffer.alloc(65536));\n",
};

/** As another shell has it: on Windows with another case of the drive letter, and elsewhere as it is. */
const other = (file) =>
  IS_WINDOWS ? file.replace(/^[A-Za-z]/, (c) => (c === 'C' ? 'c' : c.toUpperCase())) : file;

/** The same, with slashes and letters that a person may type; endings Node knows by their letters. */
const typed = (file) =>
  IS_WINDOWS ? file.replaceAll('\\', '/').replace(/^.*(?=\.)/, (name) => name.toUpperCase()) : file;

function application(t) {
  const dir = path.join(fs.realpathSync(folder(t)), 'My App');
  for (const [name, text] of Object.entries(FILES)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text.replaceAll('\n', '\r\n'));
  }
  linkPackage(dir, 'ralloc', root);
  return dir;
}

/** Takes what so few samples suggest for proved. */
function prove(file) {
  const table = readTable(file);
  const rows = table.sites.find((site) => site.function === 'exports.rows');
  const proof = { strategy: 'request', certainty: 'proved', reason: 'with-request', exceptions: 0 };
  Object.assign(rows, proof, { samples: PROOF_SAMPLES, edit: true });
  fs.writeFileSync(file, textOf(table));
}

test('profile, report, bake, trial, auto and apply in "My App"', async (t) => {
  const dir = application(t);
  const table = path.join(dir, 'ralloc.table.json');
  const succeeds = async (args, cwd = dir) => {
    const ended = await ralloc(args, { cwd });
    t.is(ended.code, 0, ended.stderr);
    return ended;
  };

  const main = path.join('src', 'main.mjs');
  const command = [process.execPath, main];
  const record = ['profile', '-o', 'a.jsonl', '--rate', '4k', '--budget', '100', '--', ...command];
  await succeeds(record);
  const recorded = await succeeds(record, other(dir)); // over the one that is there
  t.deepEqual(recorded.result, { inside: false, outside: false });
  const { sites } = Profile.read(path.join(dir, 'a.jsonl'));
  const places = sites.map(({ frames }) => frames[0]?.file).filter(Boolean);
  for (const name of ['rows.js', 'main.mjs'])
    t.true(places.includes(path.join(other(dir), 'src', name)), places.join('\n'));

  await succeeds(['report', 'a.jsonl']);
  const page = fs.readFileSync(path.join(dir, 'a.html'), 'utf8');
  const { after } = JSON.parse(
    /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)[1],
  );
  const line = after.lines.find(({ path: file }) => file === 'rows.js');
  t.is(line?.line, 4, JSON.stringify(after.lines.map(({ path: file }) => file)));
  t.is(
    line.code.lines[line.line - line.code.first],
    'exports.rows = (n) => Buffer.allocUnsafe(n);',
  );

  const baked = await succeeds(['bake', other(path.join(dir, 'a.jsonl'))]);
  t.regex(baked.stdout, /^src\/rows\.js:4:\d+ exports\.rows: Buffer\.allocUnsafe: /m);
  prove(table);
  t.deepEqual(
    readTable(table)
      .files.map(({ file }) => file)
      .sort(),
    ['src/main.mjs', 'src/rows.js'],
  );

  const tried = await succeeds(['trial', '--table', other(table), '--', ...command]);
  t.true(tried.result.inside, tried.stderr);
  t.regex(told(tried.stderr)[0], /^1 of 1 site was active/);
  const auto = await run('', {
    path: typed(path.join(dir, main)),
    cwd: other(dir),
    execArgv: ['--import', 'ralloc/auto'],
  });
  t.true(auto.result?.inside, auto.stderr);

  const applied = await succeeds(['apply', '-t', other(table), typed('src/rows.js')]);
  t.deepEqual(
    applied.stdout.split('\n').filter((text) => text.startsWith('+')),
    [
      '+++ b/src/rows.js',
      "+const { perRequest } = require('ralloc');\r",
      '+\r',
      '+exports.rows = (n) => perRequest.allocUnsafe(n);\r',
    ],
  );
  patch(dir, applied.stdout);
  const changed = fs.readFileSync(path.join(dir, 'src', 'rows.js'), 'utf8');
  t.false(/(?<!\r)\n/.test(changed), 'each line ends as it did');
});
