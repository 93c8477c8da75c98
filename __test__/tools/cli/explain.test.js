'use strict';
// tier: tools

// `ralloc explain`: what it asks for.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { textOf } = require('../../../lib/site/table-file.js');

for (const name of ['ralloc.table.json', 'app.jsonl']) {
  test(`explain with ${name} in place of a line asks for a line`, async (t) => {
    const { code, stdout, stderr } = await called(['explain', name]);
    t.is(code, 2);
    t.is(stdout, '');
    t.is(
      stderr,
      `ralloc: ${name} is no source. Give one line: ralloc explain --table TABLE.json FILE:LINE\nSee: ralloc help explain\n`,
    );
  });
}

test('explain of a file that no table has, without a line, asks for one', async (t) => {
  const table = path.join(folder(t), 'a.json');
  const recorded = { recorders: 1, seconds: 1 };
  fs.writeFileSync(table, textOf({ recorded, files: [], sites: [] }));
  const explain = (place) => called(['explain', '--table', table, place]);
  const { code, stderr } = await explain('none.js');
  t.is(code, 1);
  t.regex(
    stderr,
    /^ralloc: No site of none\.js is in the table: .*\. Give one line: ralloc explain FILE:LINE\n$/,
  );
  t.notRegex((await explain('none.js:3')).stderr, /Give one line/);
});
