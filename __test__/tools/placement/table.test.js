'use strict';
// tier: tools

// Tables that are none, or were changed: the program runs as it is, and `ralloc compare --table`
// starts nothing. What else a table may not be: site/table-file.test.js.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { ROWS_TEXT, told, tried } = require('../../helpers/tried.js');

const makePipe = (name) => execFileSync('mkfifo', [name]);

for (const [what, change, message] of [
  ['is cut off', (json) => json.slice(0, -20), / It is cut off, or was changed by hand$/],
  [
    'has too few samples for its proof',
    (json) => json.replace('"samples": 4000', '"samples": 40'),
    /: sites\[0\] is no proof: 40 samples, 0 exceptions\. Make it anew: ralloc bake$/,
  ],
  [
    'is of another application',
    (json) => json.replace('"application": "this"', '"application": "other"'),
    /was baked for the application "other", and this one is "this"\. /,
  ],
]) {
  test(`a table that ${what}`, async (t) => {
    const app = tried(t, { files: { 'package.json': '{"name":"this"}' } });
    const name = app.file('ralloc.table.json');
    const json = fs.readFileSync(name, 'utf8');
    fs.writeFileSync(name, change(json));
    t.not(fs.readFileSync(name, 'utf8'), json);
    const auto = await app.auto();
    t.is(auto.code, 0, auto.stderr);
    t.deepEqual(auto.result, { inside: false, outside: false });
    const [, warning] = /\[RALLOC_TRIAL_OFF\] RallocWarning: (.*)/.exec(auto.stderr) ?? [];
    t.regex(`${warning}`, message);
    t.deepEqual(told(auto.stderr), []);
    const trial = await app.trial();
    t.is(trial.code, 1);
    t.is(trial.stdout, '');
    t.regex(trial.stderr.trimEnd(), message);
    t.is(fs.readFileSync(app.file('rows.js'), 'utf8'), ROWS_TEXT);
  });
}

test('without a table that is named', async (t) => {
  const app = tried(t);
  fs.rmSync(app.file('ralloc.table.json'));
  const auto = await app.auto('app.js', { env: { RALLOC_TABLE: 'ralloc.table.json' } });
  t.is(auto.code, 0);
  t.regex(
    auto.stderr,
    /RALLOC_TRIAL_OFF.*there is no such file\. "ralloc bake -o FILE app\.jsonl" writes one/,
  );
  const trial = await app.trial();
  t.is(trial.code, 1);
  t.is(trial.stdout, '');
});

test('without a table nothing is said: the parts of ralloc/auto need none', async (t) => {
  const app = tried(t);
  fs.rmSync(app.file('ralloc.table.json'));
  const auto = await app.auto();
  t.is(auto.code, 0);
  t.is(auto.stderr, '');
  t.deepEqual(auto.result, { inside: false, outside: false });
});

test('what has the name of a table and is no file is no table, and no start waits for it', async (t) => {
  const app = tried(t);
  const name = app.file('ralloc.table.json');
  fs.rmSync(name);
  const isPosix = process.platform !== 'win32';
  for (const make of [fs.mkdirSync, ...(isPosix ? [makePipe] : [])]) {
    make(name);
    const auto = await app.auto();
    t.is(auto.code, 0);
    t.is(auto.stderr, '');
    t.deepEqual(auto.result, { inside: false, outside: false });
    fs.rmSync(name, { recursive: true });
  }
});

test('a table that nobody has named is told of once, for a process and its children', async (t) => {
  const forks = `require('node:child_process').fork('./app.js');\nrequire('./app.js');\n`;
  const app = tried(t, { files: { 'main.js': forks } });
  const found = ({ stderr }) => stderr.match(/\[RALLOC_TABLE_FOUND\] RallocWarning: .*/g);
  const [warning, ...others] = found(await app.auto('main.js'));
  t.regex(
    warning,
    /changes 1 call in 1 file as they load, by \S+ralloc\.table\.json\. To turn this off, remove/,
  );
  t.deepEqual(others, []);
  const env = { RALLOC_AUTO_TABLE: 'ralloc.table.json' };
  t.is(found(await app.auto('app.js', { env })), null);
  t.is(found(await app.trial()), null);
});

test('RALLOC_AUTO=no-table leaves each line as it is, also with a table that is named', async (t) => {
  const app = tried(t);
  for (const RALLOC_TABLE of ['', 'ralloc.table.json']) {
    const env = { RALLOC_AUTO: 'no-table', RALLOC_TABLE };
    const { result, stderr } = await app.auto('app.js', { env });
    t.deepEqual(result, { inside: false, outside: false });
    t.is(stderr, '');
  }
});

test('RALLOC_AUTO_TABLE comes before RALLOC_TABLE, and that before the usual one', async (t) => {
  const app = tried(t);
  const [none, table] = [app.file('none.json'), app.file('t.json')];
  fs.renameSync(app.file('ralloc.table.json'), table);
  const run = async (env) => (await app.auto('app.js', { env })).result.inside;
  t.true(await run({ RALLOC_TABLE: table }));
  t.true(await run({ RALLOC_TABLE: 't.json' }));
  t.true(await run({ RALLOC_TABLE: none, RALLOC_AUTO_TABLE: table }));
  t.false(await run({ RALLOC_TABLE: table, RALLOC_AUTO_TABLE: none }));
  t.true((await app.trial(['-t', 't.json'])).result.inside);
});
