'use strict';
// tier: tools

// Tables of recordings that did not take place: which sites are in one, and which are not known to be where they were.

const acorn = require('acorn');
const { SourceFile, follow } = require('../../../tools/placement/source/source-file.js');
const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { bake, explain } = require('../../../tools/placement/bake/bake.js');
const { evidenceOf } = require('../../../tools/placement/bake/evidence.js');
const { parse, textOf } = require('../../../lib/site/table-file.js');
const { HOUR, SIZE, profileOf, sourceFile } = require('../../helpers/baked.js');
const { folder } = require('../../helpers/folder.js');
const { serveOnly } = require('../../helpers/server.js');
const { Profile, record } = require('../../helpers/sums.js');

const ONE = 'const make = (n) => Buffer.alloc(n);\n';

/** The table of a file of this text: sites(call) gives what was recorded of its calls, { at: call('Buffer.alloc'), … }. */
function baked(t, text, sites, { file, start, ...options } = {}) {
  const dir = folder(t);
  const call = sourceFile(dir, text, file);
  return { dir, ...bake(profileOf(sites(call), { start }), { folder: dir, ...options }) };
}

const bakedOne = (t, changes, options) =>
  baked(t, ONE, (call) => [{ at: call('Buffer.alloc'), ...changes }], options);

const PROVED = { samples: 4000, inRequest: true };

test('a site is in the table where its file is older than the recording', (t) => {
  const { table, warnings, few } = bakedOne(t);
  t.deepEqual([warnings, few], [[], 0]);
  t.like(table.sites[0], {
    ...{ file: 'app.js', line: 1, column: 28, offset: 20, callee: 'Buffer.alloc' },
    ...{ strategy: 'slab', size: SIZE, mostly: SIZE, samples: 100, shares: [1, 0, 0] },
  });
});

test('a line whose kept Buffers pin much more is left out, where it would get a slab or a region', (t) => {
  const pinned = 400 * SIZE;
  const { dir, table, warnings } = bakedOne(t, { pinned });
  t.deepEqual(table.sites, []);
  t.deepEqual(warnings, [
    `${path.join(dir, 'app.js')}:1:28 keeps few of its Buffers, and these pin much more: the site is left out, since copies help. See ralloc report`,
  ]);
  t.is(bakedOne(t, { pinned, ...PROVED }).table.sites[0].strategy, 'request');
});

test('a newer file is left out, unless somebody says that it is what ran', (t) => {
  const sites = (call) => {
    const at = call('Buffer.alloc');
    return [{ at }, { at: [at[0], 1, 2] }];
  };
  const start = Date.now() - HOUR;
  const { dir, table, warnings } = baked(t, ONE, sites, { start });
  t.deepEqual([table.sites, table.files, warnings.length], [[], [], 1]);
  const file = path.join(dir, 'app.js');
  t.true(warnings[0].startsWith(`${file} was changed after the recording began: `));
  const trusted = baked(t, ONE, sites, { start, isUnchanged: true });
  t.is(trusted.table.sites.length, 1);
  t.deepEqual(trusted.warnings, [
    `${path.join(trusted.dir, 'app.js')}:1:2: no call of Buffer.alloc stands there, by its own name: the site is left out`,
  ]);
});

for (const [what, text, source] of [
  ['an alias', 'const { alloc } = Buffer;\nmodule.exports = () => alloc(9);\n', 'alloc(9'],
  ['another name', 'const make = Buffer.alloc;\nmodule.exports = () => make(9);\n', 'make(9'],
  ['a property', 'util.make = Buffer.alloc;\nmodule.exports = () => util.make (9);\n', 'make (9'],
]) {
  test(`a call by ${what} is named, with what to write`, (t) => {
    const sites = (call) => [{ at: call(source, source), ...PROVED }];
    const { table, warnings } = baked(t, text, sites, { acorn });
    t.deepEqual(warnings, []);
    const callee = /^\w+/.exec(source)[0];
    t.like(table.sites[0], {
      strategy: 'request',
      callee,
      edit: `it calls Buffer.alloc() as ${callee}(). Write Buffer.alloc(…)`,
    });
  });
}

test('a function of Node that allocates in two ways is one site, the strictest', (t) => {
  const text = 'module.exports = () => zlib.inflateSync(a);\n';
  const request = { source: 'Buffer.concat', ...PROVED };
  const slab = { source: 'Buffer.alloc' };
  const repeats = { ...request, source: 'Buffer.allocUnsafe', before: 3 * SIZE };
  for (const [all, strategy] of [
    [[request, slab], 'slab'],
    [[slab, request], 'slab'],
    [[request, repeats, slab], 'leave'],
    [[request], 'request'],
  ]) {
    const sites = (call) => all.map((one) => ({ at: call('zlib.inflateSync'), ...one }));
    const { table, warnings } = baked(t, text, sites, { acorn });
    t.like(table, { sites: { length: 1, 0: { strategy, callee: 'inflateSync' } } });
    t.deepEqual(warnings, []);
    parse('it', textOf(table));
  }
});

test('what is written as a call of Buffer stands for what that allocates inside', (t) => {
  const { table } = baked(t, ONE, (call) => {
    const at = call('Buffer.alloc');
    return [{ at, source: 'ArrayBuffer', ends: 0 }, { at }];
  });
  t.like(table, { sites: { length: 1, 0: { strategy: 'slab', callee: 'Buffer.alloc' } } });
});

for (const [what, text, source] of [
  ['a computed name', "module.exports = () => Buffer['alloc'](9);\n", "'alloc'"],
  ['a name that is not called', 'module.exports = alloc;\n', 'alloc;'],
  ['a text', "module.exports = '';\n", "''"],
]) {
  test(`a call by ${what} is left out, and told`, (t) => {
    const { table, warnings } = baked(t, text, (call) => [{ at: call(source, source) }]);
    t.deepEqual(table.sites, []);
    t.is(warnings.length, 1);
    t.regex(
      warnings[0],
      /:1:\d+: no call of Buffer\.alloc stands there, by its own name: the site is left out$/,
    );
  });
}

for (const [share, isLeft] of [
  [0.5, false],
  [0.6, true],
]) {
  test(`a line of which ${share} is allocated where current() is undefined`, (t) => {
    const { table } = bakedOne(t, { ...PROVED, listened: share }, { acorn });
    t.like(table.sites[0], { strategy: 'request', certainty: 'proved', listened: share });
    const why = /^most of its calls are in listeners where current\(\) is undefined\. /;
    if (isLeft) t.regex(table.sites[0].edit, why);
    else t.is(table.sites[0].edit, true);
  });
}

test('a call over two lines, behind a BOM and letters of other scripts, is found', (t) => {
  const text = "\uFEFF'äöü 𝒳';\nconst a: Buffer = Buffer\n  .alloc(5);\n";
  const sites = (call) => [{ at: [call('Buffer')[0], 3, 4] }];
  const { table } = baked(t, text, sites, { file: 'app.ts' });
  t.like(table.sites[0], { callee: 'Buffer\n  .alloc', offset: 28 });
});

test('files that are not here, are no code, or are not what ran, are told once', (t) => {
  const { dir, table, warnings } = baked(
    t,
    'Buffer.alloc(1)',
    (call) => {
      const at = (name) => path.join(path.dirname(call('Buffer')[0]), name);
      return ['none.js', 'none.js', 'secret', 'app.ts (compiled in memory)'].map((name, n) => ({
        at: [at(name), 1, 8 + n],
      }));
    },
    { file: 'secret' },
  );
  t.deepEqual(table.sites, []);
  t.deepEqual(
    warnings.map((text) => path.relative(dir, text)),
    [
      'none.js is not on this machine, or is no code: its sites are left out',
      'secret is not on this machine, or is no code: its sites are left out',
      'app.ts (compiled in memory): what ran is not the text of the file: its sites are left out',
    ],
  );
});

test('places with few samples, and what has no place, are not in the table', (t) => {
  const { table, warnings, few } = baked(t, ONE, (call) => {
    const at = call('Buffer.alloc');
    return [
      { at, samples: 29 },
      { at: ['node:fs', 1, 1], source: 'fs' },
      { at: ['evalmachine.<anonymous>', 1, 1] },
      { at, source: 'arena' },
    ];
  });
  t.deepEqual([table.sites, warnings, few], [[], [], 1]);
});

test('all stacks of one place are one site, with the shares of its bytes that lived for less than a second, for less than eight, and longer', (t) => {
  const lives = [
    [3, 70],
    [1000, 10],
    [5000, 15],
    [9000, 105],
  ];
  const { table } = baked(t, ONE, (call) =>
    lives.map(([ms, samples]) => ({ at: call('Buffer.alloc'), ms, samples })),
  );
  t.is(table.sites.length, 1);
  t.like(table.sites[0], {
    ...{ samples: 200, bytes: 200 * SIZE, strategy: 'region', shares: [0.4, 0.075, 0.525] },
  });
});

test('where a line has no text of its own, its neighbours tell it from others', (t) => {
  const text =
    'function a() {\n  return Buffer.alloc(1);\n}\nfunction b() {\n  return Buffer.alloc(1);\n}\n';
  const { dir, table } = baked(t, text, (call) => {
    const [file, , column] = call('Buffer.alloc');
    return [{ at: [file, 5, column] }];
  });
  const file = path.join(dir, 'app.js');
  t.regex(table.sites[0].fingerprint, /^1:\d+:[0-9a-f]{16}$/);
  fs.writeFileSync(file, `// b\n${text}`);
  t.is(follow(table.sites[0], SourceFile.read(file)).line, 6);
  fs.writeFileSync(file, `// twice\n${text}${text}`);
  t.is(follow(table.sites[0], SourceFile.read(file)), undefined);
});

test('a line of which a request has several times its largest Buffer is left alone', (t) => {
  const of = (before) => bakedOne(t, { ...PROVED, before }).table;
  t.like(of(0).sites[0], { strategy: 'request', certainty: 'proved' });
  t.like(of(2 * SIZE).sites[0], { strategy: 'request', certainty: 'proved' });
  const table = of(2.1 * SIZE);
  t.like(table.sites[0], { strategy: 'leave', reason: 'repeats' });
  t.regex(explain(table.sites[0])[0], /several times its largest Buffer/);
});

test.serial('pieces that are joined in a loop repeat, and joined once do not', async (t) => {
  const file = path.join(fs.realpathSync(folder(t)), 'app.js');
  fs.writeFileSync(
    file,
    `exports.loop = (n) => {
  let all = Buffer.alloc(0);
  for (let i = 0; i < n; i++) all = Buffer.concat([all, exports.piece]);
  return all;
};
exports.once = (n) => Buffer.concat(new Array(n).fill(exports.piece));
exports.piece = new Uint8Array(4096);
`,
  );
  const app = require(file);
  const recorder = record(t, { rate: 1024 });
  const port = await serveOnly(t, (_req, res) => {
    app.loop(16);
    app.once(16);
    res.end();
  });
  for (let n = 0; n < 40; n++) await (await fetch(`http://127.0.0.1:${port}`)).text();
  const { places } = evidenceOf(new Profile().add(recorder.take()));
  const of = (name) =>
    places.find((place) => place.function.endsWith(name) && place.source === 'Buffer.concat');
  t.true(of('loop').repeats > 2, `${of('loop').repeats}`);
  t.true(of('once').repeats < 0.1, `${of('once').repeats}`);
});

for (const [what, text, edit, file = 'app.js'] of [
  ['a call that may be changed', ONE, true],
  [
    'a file that reads what is behind',
    `${ONE}exports.x = (b) => b.buffer;\n`,
    '.buffer is read in line 2',
  ],
  [
    'a call of what an arena has not',
    ONE.replaceAll('alloc', 'allocUnsafeSlow'),
    'allocUnsafeSlow() says that it is to live long',
  ],
  ['JSX', `${ONE}const x = <B/>;\n`, 'JSX is not parsed. Change it by hand', 'app.jsx'],
  [
    'a file that does not parse',
    `${ONE}const const;\n`,
    "it does not parse: Unexpected keyword 'const' (2:6). Mend it, or change it by hand",
  ],
]) {
  test(`of a site of requests it is said whether its call may be changed: ${what}`, (t) => {
    const source = /Buffer\.\w+/.exec(text)[0];
    const siteOf = (changes, options) =>
      baked(t, text, (call) => [{ at: call(source), source, ...changes }], { file, ...options })
        .table.sites[0];
    t.is(siteOf(PROVED, { acorn }).edit, edit);
    t.false('edit' in siteOf(PROVED));
    const other = siteOf({}, { acorn });
    t.not(other.strategy, 'request');
    t.false('edit' in other);
  });
}

// Sites that have a name: by all that was allocated at them, and by size class.

const named = (t, sites) =>
  baked(t, 'module.exports = (rows) => rows.alloc(9);\n', (call) => {
    const [file] = call('rows.alloc');
    return sites.map((one, n) => ({ at: [file, 1, n + 1], source: 'site(rows)', ...one }));
  });

test('all places of a name are one site, and no file is named for it', (t) => {
  const { table, few, warnings } = named(t, [
    { samples: 2000, inRequest: true },
    { samples: 1500, inRequest: true },
    { samples: 29, source: 'site(few)' },
    { at: ['evalmachine.<anonymous>', 1, 1], samples: 40, source: 'site(a (b))', ends: 0 },
  ]);
  t.deepEqual([table.sites, table.files, warnings, few], [[], [], [], 1]);
  t.deepEqual(table.named, [
    {
      ...{ name: 'a (b)', strategy: 'leave', certainty: 'suggested', reason: 'never-ends' },
      ...{ size: SIZE, bytes: 40 * SIZE, samples: 40, exceptions: 0 },
      ...{ mostly: SIZE, shares: [1, 0, 0], sizes: [] },
    },
    {
      ...{ name: 'rows', strategy: 'request', certainty: 'proved', reason: 'with-request' },
      ...{ size: SIZE, bytes: 3500 * SIZE, samples: 3500, exceptions: 0 },
      ...{ mostly: SIZE, shares: [1, 0, 0], sizes: [] },
    },
  ]);
});

test('a size class that belongs elsewhere is told, others are as the whole', (t) => {
  const { table } = named(t, [
    { samples: 4000, inRequest: true },
    { samples: 200, size: 128, ms: 10_000 },
    { samples: 29, size: 1024, ms: 10_000 },
    { samples: 40, size: 512, ends: 0 },
  ]);
  const [{ strategy, size, sizes }] = table.named;
  t.deepEqual([strategy, size], ['request', SIZE]);
  t.deepEqual(sizes, [
    {
      ...{ strategy: 'region', certainty: 'suggested', reason: 'long' },
      ...{ size: 128, bytes: 200 * 128, samples: 200, exceptions: 0 },
    },
    {
      ...{ strategy: 'leave', certainty: 'suggested', reason: 'never-ends' },
      ...{ size: 512, bytes: 40 * 512, samples: 40, exceptions: 0 },
    },
  ]);
  t.deepEqual(explain(table.named[0]), [
    "site('rows'): request, proved: of 4,269 samples none outlived its request",
    "site('rows'), 64 B to 128 B: region, suggested: half of its bytes or more lived 8 s or longer",
    "site('rows'), 256 B to 512 B: leave: less than 10 % of its bytes had ended with the recording: they grow, or live longer",
  ]);
});

test('what has many sizes is of the region with all of them', (t) => {
  const sizes = [64, 256, 1024, 4096];
  const { table } = named(
    t,
    sizes.map((size) => ({ size })),
  );
  t.like(table.named[0], { strategy: 'region', reason: 'medium-mixed', size: 4096, sizes: [] });
});
