'use strict';
// tier: tools

// Tables of recordings that did not take place: which sites are in one, and which are not known to be where they were.

const acorn = require('acorn');
const { SourceFile, follow } = require('../../../lib/auto/source/source-file.js');
const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { once } = require('node:events');
const { bake, explain } = require('../../../tools/placement/bake/bake.js');
const { evidenceOf } = require('../../../tools/placement/bake/evidence.js');
const { parse, textOf } = require('../../../lib/site/table-file.js');
const { Profile } = require('../../helpers/sums.js');
const { Recorder } = require('../../../tools/recorder/recorder.js');
const { HOUR, SIZE, profileOf, sourceFile } = require('../../helpers/baked.js');
const { folder } = require('../../helpers/folder.js');

const ONE = 'const make = (n) => Buffer.alloc(n);\n';

test('a site is in the table where its file is older than the recording', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const { table, warnings, few } = bake(profileOf([{ at }]), { folder: dir });
  t.deepEqual([warnings, few], [[], 0]);
  t.like(table.sites[0], {
    file: 'app.js',
    line: 1,
    column: 28,
    offset: 20,
    callee: 'Buffer.alloc',
  });
  t.like(table.sites[0], {
    strategy: 'slab',
    size: SIZE,
    mostly: SIZE,
    samples: 100,
    shares: [1, 0, 0],
  });
});

test('a newer file is left out, unless somebody says that it is what ran', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const profile = profileOf([{ at }, { at: [at[0], 1, 2] }], { start: Date.now() - HOUR });
  const { table, warnings } = bake(profile, { folder: dir });
  t.deepEqual(table.sites, []);
  t.deepEqual(table.files, []);
  t.is(warnings.length, 1);
  t.true(warnings[0].startsWith(`${at[0]} was changed after the recording began: `));
  const trusted = bake(profile, { folder: dir, isUnchanged: true });
  t.is(trusted.table.sites.length, 1);
  t.deepEqual(trusted.warnings, [
    `${at[0]}:1:2: no call of Buffer.alloc stands there, by its own name: the site is left out`,
  ]);
});

for (const [what, text, source] of [
  ['an alias', 'const { alloc } = Buffer;\nmodule.exports = () => alloc(9);\n', 'alloc(9'],
  ['another name', 'const make = Buffer.alloc;\nmodule.exports = () => make(9);\n', 'make(9'],
  ['a property', 'util.make = Buffer.alloc;\nmodule.exports = () => util.make (9);\n', 'make (9'],
]) {
  test(`a call by ${what} is named, with what to write`, (t) => {
    const dir = folder(t);
    const at = sourceFile(dir, text)(source, source);
    const site = { at, samples: 4000, inRequest: true };
    const { table, warnings } = bake(profileOf([site]), { folder: dir, acorn });
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
  const dir = folder(t);
  const at = sourceFile(dir, 'module.exports = () => zlib.inflateSync(a);\n')('zlib.inflateSync');
  const request = { at, source: 'Buffer.concat', samples: 4000, inRequest: true };
  const slab = { at, source: 'Buffer.alloc' };
  const repeats = { ...request, source: 'Buffer.allocUnsafe', before: 3 * SIZE };
  for (const [sites, strategy] of [
    [[request, slab], 'slab'],
    [[slab, request], 'slab'],
    [[request, repeats, slab], 'leave'],
    [[request], 'request'],
  ]) {
    const { table, warnings } = bake(profileOf(sites), { folder: dir, acorn });
    t.like(table, { sites: { length: 1, 0: { strategy, callee: 'inflateSync' } } });
    t.deepEqual(warnings, []);
    parse('it', textOf(table));
  }
});

test('what is written as a call of Buffer stands for what that allocates inside', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const inside = { at, source: 'ArrayBuffer', ends: 0 };
  const { table } = bake(profileOf([inside, { at }]), { folder: dir });
  t.like(table, { sites: { length: 1, 0: { strategy: 'slab', callee: 'Buffer.alloc' } } });
});

for (const [what, text, source] of [
  ['a computed name', "module.exports = () => Buffer['alloc'](9);\n", "'alloc'"],
  ['a name that is not called', 'module.exports = alloc;\n', 'alloc;'],
  ['a text', "module.exports = '';\n", "''"],
]) {
  test(`a call by ${what} is left out, and told`, (t) => {
    const dir = folder(t);
    const at = sourceFile(dir, text)(source, source);
    const { table, warnings } = bake(profileOf([{ at }]), { folder: dir });
    t.deepEqual(table.sites, []);
    t.deepEqual(warnings, [
      `${at.join(':')}: no call of Buffer.alloc stands there, by its own name: the site is left out`,
    ]);
  });
}

for (const [share, isLeft] of [
  [0.5, false],
  [0.6, true],
]) {
  test(`a line of which ${share} is allocated where current() is undefined`, (t) => {
    const dir = folder(t);
    const at = sourceFile(dir, ONE)('Buffer.alloc');
    const site = { at, samples: 4000, inRequest: true, listened: share };
    const { table } = bake(profileOf([site]), { folder: dir, acorn });
    t.like(table.sites[0], { strategy: 'request', certainty: 'proved', listened: share });
    const why = 'most of its calls are in listeners where current() is undefined. ';
    t.is(table.sites[0].edit, isLeft ? table.sites[0].edit : true);
    t.is(`${table.sites[0].edit}`.startsWith(why), isLeft);
  });
}

test('a call over two lines, behind a BOM and letters of other scripts, is found', (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'app.ts');
  fs.writeFileSync(file, "\uFEFF'äöü 𝒳';\nconst a: Buffer = Buffer\n  .alloc(5);\n");
  const { table } = bake(profileOf([{ at: [file, 3, 4] }]), { folder: dir });
  t.like(table.sites[0], { callee: 'Buffer\n  .alloc', offset: 28 });
});

test('files that are not here, are no code, or are not what ran, are told once', (t) => {
  const dir = folder(t);
  const [none, secret, made] = ['none.js', 'secret', 'app.ts (compiled in memory)'].map((name) =>
    path.join(dir, name),
  );
  fs.writeFileSync(secret, 'Buffer.alloc(1)');
  const sites = [none, none, secret, made].map((file, n) => ({ at: [file, 1, 8 + n] }));
  const { table, warnings } = bake(profileOf(sites), { folder: dir });
  t.deepEqual(table.sites, []);
  t.deepEqual(warnings, [
    `${none} is not on this machine, or is no code: its sites are left out`,
    `${secret} is not on this machine, or is no code: its sites are left out`,
    `${made}: what ran is not the text of the file: its sites are left out`,
  ]);
});

test('places with few samples, and what has no place, are not in the table', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const sites = [
    { at, samples: 29 },
    { at: ['node:fs', 1, 1], source: 'fs' },
    { at: ['evalmachine.<anonymous>', 1, 1] },
    { at, source: 'arena' },
  ];
  const { table, warnings, few } = bake(profileOf(sites), { folder: dir });
  t.deepEqual([table.sites, warnings, few], [[], [], 1]);
});

test('all stacks of one place are one site', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const sites = [
    { at, samples: 20 },
    { at, name: 'make', samples: 25 },
  ];
  const { table } = bake(profileOf(sites), { folder: dir });
  t.deepEqual(
    table.sites.map(({ samples, bytes }) => [samples, bytes]),
    [[45, 45 * SIZE]],
  );
});

test('a site says which shares of its bytes lived for less than a second, for less than eight, and longer', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const lives = [
    [3, 70],
    [1000, 10],
    [5000, 15],
    [9000, 105],
  ];
  const sites = lives.map(([ms, samples]) => ({ at, ms, samples }));
  const { table } = bake(profileOf(sites), { folder: dir });
  t.like(table.sites[0], { strategy: 'region', shares: [0.4, 0.075, 0.525] });
});

test('where a line has no text of its own, its neighbours tell it from others', (t) => {
  const dir = folder(t);
  const text =
    'function a() {\n  return Buffer.alloc(1);\n}\nfunction b() {\n  return Buffer.alloc(1);\n}\n';
  const call = sourceFile(dir, text);
  const [file, , column] = call('Buffer.alloc');
  const { table } = bake(profileOf([{ at: [file, 5, column] }]), { folder: dir });
  t.regex(table.sites[0].fingerprint, /^1:\d+:[0-9a-f]{16}$/);
  fs.writeFileSync(file, `// b\n${text}`);
  t.is(follow(table.sites[0], SourceFile.read(file)).line, 6);
  fs.writeFileSync(file, `// twice\n${text}${text}`);
  t.is(follow(table.sites[0], SourceFile.read(file)), undefined);
});

test('lines that nothing tells apart have no fingerprint', (t) => {
  const dir = folder(t);
  const [file, , column] = sourceFile(dir, ONE.repeat(20))('Buffer.alloc');
  const { table } = bake(profileOf([{ at: [file, 10, column] }]), { folder: dir });
  t.is(table.sites[0].fingerprint, undefined);
});

test('a line of which a request has several times its largest Buffer is left alone', (t) => {
  const dir = folder(t);
  const at = sourceFile(dir, ONE)('Buffer.alloc');
  const proved = { at, samples: 4000, inRequest: true };
  const of = (before) => bake(profileOf([{ ...proved, before }]), { folder: dir }).table;
  t.like(of(0).sites[0], { strategy: 'request', certainty: 'proved' });
  t.like(of(2 * SIZE).sites[0], { strategy: 'request', certainty: 'proved' });
  const table = of(2.1 * SIZE);
  t.like(table.sites[0], { strategy: 'leave', reason: 'repeats' });
  t.regex(explain(table.sites[0])[0], /several times its largest Buffer/);
});

test.serial(
  'pieces that are joined in a loop in requests repeat, and joined once do not',
  async (t) => {
    const dir = fs.realpathSync(folder(t));
    const text = `exports.loop = (n) => {
  let all = Buffer.alloc(0);
  for (let i = 0; i < n; i++) all = Buffer.concat([all, exports.piece]);
  return all;
};
exports.once = (n) => Buffer.concat(new Array(n).fill(exports.piece));
exports.piece = new Uint8Array(4096);
`;
    const file = path.join(dir, 'app.js');
    fs.writeFileSync(file, text);
    const old = new Date(Date.now() - HOUR);
    fs.utimesSync(file, old, old);
    const app = require(file);
    const recorder = new Recorder({ rate: 1024, seed: 5 });
    recorder.start();
    const server = http.createServer((_req, res) => {
      app.loop(16);
      app.once(16);
      res.end();
    });
    try {
      await once(server.listen({ port: 0 }), 'listening');
      for (let n = 0; n < 40; n++) {
        const request = http.get({ port: server.address().port, agent: false });
        const [response] = await once(request, 'response');
        response.resume();
        await once(response, 'close');
      }
    } finally {
      recorder.stop();
      server.close();
    }
    const { places } = evidenceOf(new Profile().add(recorder.take()));
    const of = (name) =>
      places.find((place) => place.function.endsWith(name) && place.source === 'Buffer.concat');
    t.true(of('loop').repeats > 2, `${of('loop').repeats}`);
    t.true(of('once').repeats < 0.1, `${of('once').repeats}`);
  },
);

test('explain has a reason for each rule', (t) => {
  const dir = folder(t);
  const calls = sourceFile(dir, 'Buffer.alloc(1);\nBuffer.from(2);\nBuffer.concat(3);\n');
  const sites = [
    { at: calls('Buffer.alloc'), inRequest: true, samples: 3500 },
    { at: calls('Buffer.from'), source: 'Buffer.from', ends: 0.05 },
    { at: calls('Buffer.concat'), source: 'Buffer.concat', ms: 20_000 },
  ];
  const { table } = bake(profileOf(sites), { folder: dir });
  t.deepEqual(table.sites.flatMap(explain), [
    'app.js:1:8 make: Buffer.alloc: request, proved: of 3,500 samples none outlived its request',
    'app.js:2:8 make: Buffer.from: leave: less than 10 % of its bytes had ended with the recording: they grow, or live longer',
    'app.js:3:8 make: Buffer.concat: region, suggested: half of its bytes or more lived 8 s or longer',
  ]);
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
    const dir = folder(t);
    const source = /Buffer\.\w+/.exec(text)[0];
    const at = sourceFile(dir, text, file)(source);
    const profile = profileOf([{ at, source, samples: 4000, inRequest: true }]);
    const { table } = bake(profile, { folder: dir, acorn });
    t.is(table.sites[0].edit, edit);
    t.false('edit' in bake(profile, { folder: dir }).table.sites[0]);
    const other = bake(profileOf([{ at, source }]), { folder: dir, acorn }).table.sites[0];
    t.not(other.strategy, 'request');
    t.false('edit' in other);
  });
}

test('a call is where V8 tells it: by its method, or by another name that is called', (t) => {
  const file = path.join(folder(t), 'calls.js');
  fs.writeFileSync(file, 'Buffer.from(a);\nalloc(5);\nkeep(alloc);\nmy.Buffer.from(a);\n');
  const text = SourceFile.read(file);
  t.deepEqual(text.callAt(1, 8, 'Buffer.from'), { offset: 0, callee: 'Buffer.from' });
  t.is(text.callAt(1, 8, 'Buffer.alloc'), undefined);
  t.deepEqual(text.callAt(2, 1, 'Buffer.alloc'), { offset: 16, callee: 'alloc' });
  t.is(text.callAt(3, 6, 'Buffer.alloc'), undefined);
  t.deepEqual(text.callAt(4, 11, 'Buffer.from'), { offset: 49, callee: 'from' });
});
