'use strict';
// tier: tools

// What `ralloc bake --rust` writes. That it compiles, and what it says, is tested with the examples of the crate (tests/examples.rs), one of which ends with such a text.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { rustOf } = require('../../../tools/placement/bake/rust.js');

test('names of Rust are constants, each once, and nothing gets out of a comment', (t) => {
  const site = (name, strategy = 'slab') => ({
    ...{ file: 'a\n.js', line: 1, column: 2, function: name, source: 'Buffer.from', strategy },
    size: 4096,
  });
  const names = [
    'Rows.parseRow',
    'new Rows',
    '(anonymous)',
    'rows_ParseRow',
    'table',
    '日本',
    'x\n}',
  ];
  const text = rustOf({ sites: [...names.map((name) => site(name)), site('left', 'leave')] });
  const constants = [...text.matchAll(/^pub const (\w+): Site = Site::new\((\d)\);$/gm)];
  t.deepEqual(
    constants.map(([, name, number]) => `${name} ${number}`),
    [
      'ROWS_PARSE_ROW 0',
      'NEW_ROWS 1',
      'ANONYMOUS 2',
      'ROWS_PARSE_ROW_2 3',
      'TABLE_2 4',
      'SITE 5',
      'X 6',
    ],
  );
  t.true(text.includes('pub static TABLE: Table<8> = Table::new(['));
  t.is(text.match(/Entry::NONE/g).length, 1);
  for (const line of text.split('\n'))
    t.regex(line, /^(\/\/|use|pub|#\[rustfmt|\]\);| {4}Entry|$)/);
  t.true(rustOf({ sites: [] }).includes('Table<1> = Table::new([\n    Entry::NONE,\n]);'));
});

test('sites with a name are constants of their own, by size class where these differ', (t) => {
  const line = { file: 'a.js', line: 1, column: 2, source: 'Buffer.from', strategy: 'request' };
  const name = (name, strategy, sizes = []) => ({ name, strategy, size: 4096, sizes });
  const of = (size, strategy) => ({ size, strategy });
  const text = rustOf({
    sites: [{ ...line, function: 'rows', size: 64 }],
    named: [
      name('rows', 'slab', [of(64, 'leave'), of(1024, 'request')]),
      name('left', 'leave'),
      name('partly', 'leave', [of(1, 'region')]),
      name("x'\\\u2029", 'region'),
    ],
  });
  const [head, entries] = text.split('pub static TABLE: Table<4> = Table::new([\n');
  t.is(
    head.slice(head.indexOf('///')),
    `/// site('rows')
pub const ROWS: Site = Site::new(0);

/// site('partly')
pub const PARTLY: Site = Site::new(1);

/// site('x'\\?')
pub const X: Site = Site::new(2);

/// a.js:1:2 rows: Buffer.from
pub const ROWS_2: Site = Site::new(3);

/// Where the bytes of each site go.
#[rustfmt::skip]
`,
  );
  t.is(
    entries,
    `    Entry::by_size(Strategy::Slab, 12, &[(6, Strategy::Leave), (10, Strategy::Request)]),
    Entry::by_size(Strategy::Leave, 12, &[(0, Strategy::Region)]),
    Entry::by_size(Strategy::Region, 12, &[]),
    Entry::new(Strategy::Request, 6),
]);
`,
  );
});

test('the table of the example in Rust is what is written of these sites', (t) => {
  const of = (file, line, column, name, source, strategy, size) => ({
    ...{ file, line, column, function: name, source, strategy, size },
  });
  const text = rustOf({
    sites: [
      of('rows.js', 4, 23, 'parseRows', 'Buffer.allocUnsafe', 'request', 65536),
      of('service.js', 16, 21, 'remember', 'Buffer.alloc', 'slab', 32768),
      of('service.js', 21, 25, 'forget', 'Buffer.from', 'leave', 16384),
    ],
    named: [
      {
        ...{ name: 'events', strategy: 'region', size: 4096 },
        sizes: [{ size: 4096, strategy: 'request' }],
      },
    ],
  });
  const example = path.join(__dirname, '..', '..', '..', 'examples', 'baked_table.rs');
  t.true(fs.readFileSync(example, 'utf8').endsWith(text));
});
