'use strict';
// tier: run-time, differs by Node

// The table of docs/reference/guard.md, found anew on this Node: each API is given a Buffer whose arena is reset before it goes on.
// What is right with the guard alone is held; what is right without it too, Node copies by itself. Addons have no row here, nor
// what is behind a flag or ends the process without the guard; fs.Utf8Stream and ws have tests of their own.

require('../../../lib/node/guard/index.js');
const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { Arena } = require('../../../lib/index.js');
const { folder } = require('../../helpers/folder.js');
const { serveOnly } = require('../../helpers/server.js');
const { rows, absent } = require('./table.js');
const { turns } = require('../../helpers/until.js');

const SIZE = 64 * 1024;
const WITHOUT_ROW = [
  'fs.Utf8Stream',
  'native addons',
  'node:stream/iter',
  'subprocess.send, behind a handle',
  'packages that queue, such as ws',
];
const SQLITE = 'node:sqlite iterate';
const PATIENCE = 1000; // ms for what may never end: without the guard, or unseen by it
const right = Buffer.alloc(SIZE, 'a');
const other = Buffer.alloc(SIZE, 'b');

async function echo(t) {
  const port = await serveOnly(t, (req, res) => req.pipe(res));
  return `http://127.0.0.1:${port}/`;
}

/** Whether what was begun with a Buffer saw its bytes, though they were reset before it went on. */
async function isRight(t, { begin, verdict }, guard, url) {
  const arena = new Arena({ guard });
  let next;
  const place = {
    folder: folder(t),
    url,
    teardown: (end) => t.teardown(end),
    intact: () => (next.equals(other) ? right : Buffer.from('other')),
  };
  const { goOn, finish } = await begin(arena.allocUnsafe(SIZE).fill('a'), place);
  arena.reset();
  next = arena.allocUnsafe(SIZE).fill('b');
  await goOn();
  const finished = finish().catch((error) => error);
  const endsForSure = verdict === 'copies' || (verdict === 'held' && guard);
  const seen = await (endsForSure ? finished : Promise.race([finished, turns(PATIENCE)]));
  return Buffer.isBuffer(seen) && seen.equals(right);
}

async function verdictOf(t, row) {
  const url = await echo(t);
  if (await isRight(t, row, false, url)) return 'copies';
  return (await isRight(t, row, true, url)) ? 'held' : 'not seen';
}

for (const row of rows) {
  test.serial(`${row.api}: ${row.verdict}`, async (t) => {
    t.is(await verdictOf(t, row), row.verdict);
  });
}

test('docs/reference/guard.md has these rows, and no others', (t) => {
  const page = join(__dirname, '..', '..', '..', 'docs', 'reference', 'guard.md');
  const sections = fs.readFileSync(page, 'utf8').split(/^## /m);
  const under = (heading, pattern) =>
    [...sections.find((one) => one.startsWith(heading)).matchAll(pattern)].map(([, api]) => api);
  const shown = [
    ...under('Held\n', /`(.+?)`/g).map((api) => [api, 'held']),
    ...under('Copies\n', /`(.+?)`/g).map((api) => [api, 'copies']),
    ...under('Not seen\n', /^\| `?([^|`]+?)`? \| .*[^-]\|$/gm).map((api) => [api, 'not seen']),
  ];
  const untested = ['API', ...absent, ...WITHOUT_ROW];
  if (!rows.some(({ api }) => api === SQLITE)) untested.push(SQLITE); // from Node 22 on
  t.deepEqual(
    shown
      .filter(([api]) => !untested.includes(api))
      .map(([api, verdict]) => `${api}: ${verdict}`)
      .sort(),
    rows.map(({ api, verdict }) => `${api}: ${verdict}`).sort(),
  );
});
