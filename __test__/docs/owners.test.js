'use strict';
// tier: tools

// docs/reference/memory-owners.md: whose Buffers have an ArrayBuffer to themselves on this Node, and so can be released.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { release } = require('../..');
const { sharp } = require('../helpers/addons.js');
const { isNodeSince, testWhere } = require('../helpers/backend.js');
const { releases } = require('../helpers/given-back.js');
const { producers } = require('../helpers/producers.js');

function tableUnder(heading) {
  const page = fs.readFileSync(
    join(__dirname, '..', '..', 'docs', 'reference', 'memory-owners.md'),
    'utf8',
  );
  const lines = page.slice(page.indexOf(heading)).split('\n');
  const cells = (line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [heads, , ...rows] = lines.filter((line) => line.startsWith('|')).map(cells);
  return { heads, rows };
}

const { heads, rows } = tableUnder('# Who owns what');
const column = heads.findLastIndex((head) => isNodeSince(...head.split('.').map(Number)));

test.before(releases);

test('the table has all that is looked at, on this Node', (t) => {
  t.true(column > 0);
  t.deepEqual(
    rows.map(([name]) => name),
    Object.keys(producers),
  );
});

for (const row of rows) {
  const [name, said] = [row[0], row[column]];
  const hasIt = !name.includes('sharp') || sharp !== undefined;
  testWhere(hasIt, "sharp's binary", `${name}: ${said}`, async (t) => {
    const chunks = await producers[name]();
    t.true(chunks.length > 0);
    for (const chunk of chunks) {
      const { length } = chunk;
      const owns = length === chunk.buffer.byteLength;
      if (said !== 'some') t.is(owns, said !== 'shared');
      t.is(release(chunk), owns && said !== 'bound' ? length : 0);
    }
  });
}
