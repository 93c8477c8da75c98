'use strict';
// tier: tools, long

// A service of Express with a parser of rows, a cache, a store of sessions and a leak, recorded under load: its lines get what a person
// would give them, `ralloc apply` changes the one that may be, and it answers the same, byte for byte.

const fs = require('node:fs');
const path = require('node:path');
const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { readTable, textOf } = require('../../../lib/site/table-file.js');
const { patch } = require('../../helpers/applied.js');
const { nativeTest } = require('../../helpers/backend.js');
const { budget } = require('../../helpers/budget.js');
const { fixturePath, run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { ralloc } = require('../../helpers/profile.js');

const REQUESTS = budget(1500, 4000, 1500); // with 4,000 the recording proves by itself where parseRows() belongs
const root = path.join(__dirname, '..', '..', '..');

/** A copy of it, with what it requires. */
function service(t) {
  const dir = path.join(fs.realpathSync(folder(t)), 'service');
  fs.cpSync(fixturePath('tools/placement/applied'), dir, { recursive: true });
  for (const [name, to] of [
    ['ralloc', root],
    ['express', fs.realpathSync(path.join(root, 'node_modules', 'express'))],
  ]) {
    linkPackage(dir, name, to);
  }
  return dir;
}

const of = ({ sites }, name) => sites.find((site) => site.function === name);

nativeTest(
  'a service is recorded, baked and changed, and answers the same',
  'deaths are told too late to say what died with its request',
  async (t) => {
    const dir = service(t);
    const options = ['-o', 'a.jsonl', '--rate', '8k', '--budget', '100'];
    const main = path.join(dir, 'main.js');
    const recorded = await ralloc(
      ['profile', ...options, '--', process.execPath, 'main.js', `${REQUESTS}`],
      { cwd: dir },
    );
    t.is(recorded.code, 0, recorded.stderr);
    t.is(recorded.result.arenaBytes, 0);
    const baked = await ralloc(['bake', 'a.jsonl'], { cwd: dir });
    t.is(baked.code, 0, baked.stderr);

    const file = path.join(dir, 'ralloc.table.json');
    const table = readTable(file);
    const rows = of(table, 'parseRows');
    t.like(rows, { file: 'lib/rows.js', source: 'Buffer.allocUnsafe' });
    t.true(rows.samples >= 0.97 * REQUESTS, `${rows.samples}`);
    // Where V8 collects twice before Node tells of deaths, those of the first are taken for some of the second.
    t.is(rows.strategy === 'request', rows.exceptions <= rows.samples / 1000);
    const inFile = (name) => table.sites.find((site) => site.file === name);
    for (const name of ['lib/cache.js', 'lib/sessions.js']) {
      t.true(['slab', 'region'].includes(inFile(name)?.strategy), JSON.stringify(inFile(name)));
    }
    t.like(inFile('lib/journal.js'), { strategy: 'leave', reason: 'never-ends' });

    // What a starved machine or fewer requests than a proof has could not prove is taken for proved.
    Object.assign(rows, {
      samples: Math.max(rows.samples, PROOF_SAMPLES),
      strategy: 'request',
      certainty: 'proved',
      reason: 'with-request',
      exceptions: 0,
    });
    fs.writeFileSync(file, textOf(table));
    const { code, stdout, stderr } = await ralloc(['apply'], { cwd: dir });
    t.is(code, 0, stderr);
    t.deepEqual(stdout.match(/^\+\+\+ .*$/gm), ['+++ b/lib/rows.js']);
    t.deepEqual(stdout.match(/^\+(?!\+).*$/gm), [
      "+const { perRequest } = require('ralloc');",
      '+',
      '+  const rows = perRequest.allocUnsafe(size);',
    ]);
    for (const file of ['cache', 'sessions']) {
      const told = new RegExp(
        `^ralloc: lib/${file}\\.js:\\d+:\\d+ \\S+: belongs in a .* let go: `,
        'm',
      );
      t.regex(stderr, told);
    }
    t.false(stderr.includes('journal.js'));

    patch(dir, stdout);
    const changed = await run('', { path: main, args: [`${REQUESTS}`], cwd: dir });
    t.is(changed.code, 0, changed.stderr);
    t.is(changed.stderr, '');
    t.is(changed.result.digest, recorded.result.digest);
    t.true(changed.result.arenaBytes > 0);
  },
);
