'use strict';
// tier: tools

// Blocks as lines of JSON: what is written, and what is read of it, whatever became of it.

const test = require('ava');
const { encode, parse } = require('../../../tools/recorder/lines.js');
const { blocksOf, siteOf } = require('../../helpers/profiles.js');
const { random } = require('../../helpers/random.js');
const { Profile, rowsOf } = require('../../helpers/sums.js');

const textOf = (block) => new TextDecoder().decode(encode(block));

/** The lines of a block that makes sense, changed. */
const changed = (block, change) => {
  const line = JSON.parse(textOf({ ...block, sites: [] }));
  change(line);
  return JSON.stringify(line);
};

test('a block is a line a site that is new, and one of itself; each begins with a line feed', (t) => {
  const block = { ...blocksOf(1)[0], sites: [1, 18].map(siteOf) };
  const [start, ...lines] = textOf(block).split('\n');
  t.is(start, '');
  const told = lines.map((line) => JSON.parse(line));
  const last = told.pop();
  t.deepEqual(
    told.map(({ type, site }) => [type, site]),
    block.sites.map(({ id }) => ['site', id]),
  );
  const { frames, source, route } = told[1];
  t.deepEqual(
    [source, route, frames],
    [
      'fs',
      'POST /röute/4',
      [
        'file:///app/lib/7.js:19:1 allocate18',
        'file:///app/lib/7.js:19:5 calls1',
        'file:///app/lib/7.js:19:9 calls2',
      ],
    ],
  );
  t.is(last.type, 'block');
  t.is(last.format, 1);
  t.is(last.id, block.recorder.id);
  t.is(last.slot, block.slot);
  t.deepEqual(last.cells, block.cells);
});

test('functions and files of any name are read as they were', (t) => {
  const [block] = blocksOf(1);
  const names = ['', 'a b', '<anonymous>', 'x:1:2 y', 'a\nb', '"\\', '\u2028\ud800', 'ü'];
  const files = [
    'C:\\my app\\a.js',
    'node:fs',
    'file:///a b/c.js',
    'a.ts (compiled in memory)',
    '/ü',
  ];
  const frames = files.flatMap((file) =>
    names.map((name) => ({ function: name, file, line: 3, column: 14 })),
  );
  const site = { ...siteOf(1), source: 'site(a "b")', frames };
  t.deepEqual(new Profile().add({ ...block, sites: [site], cells: {} }).sites, [site]);
});

test('numbers at the edges are exact', (t) => {
  const [block] = blocksOf(1);
  const edges = [0, 7, 31, 32, 49, 52, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
  const site = siteOf(1);
  const known = edges.filter((edge) => edge <= Number.MAX_SAFE_INTEGER);
  const cells = known.map((edge, bucket) => ({
    ...{ site: site.id, sizeClass: 63, event: 15, bucket },
    ...{ samples: edge, count: edge, bytes: edge },
  }));
  const read = new Profile().add({ ...block, sites: [site], cells: rowsOf(cells) });
  t.deepEqual(read.cells, cells);
});

for (const [what, change] of [
  ['a negative number', ({ cells }) => (Object.values(cells)[0][0][5] = -1)],
  ['half a byte', ({ cells }) => (Object.values(cells)[0][0][5] = 0.5)],
  ['a number that JSON rounded', ({ cells }) => (Object.values(cells)[0][0][5] = 2 ** 53)],
  ['a size class that is none', ({ cells }) => (Object.values(cells)[0][0][0] = 64)],
  ['an event that is none', ({ cells }) => (Object.values(cells)[0][0][1] = 16)],
  ['a bucket that is none', ({ cells }) => (Object.values(cells)[0][0][2] = null)],
  ['a cell that is too short', ({ cells }) => Object.values(cells)[0][0].pop()],
  ['a site that is none', ({ cells }) => (cells.x = [])],
  ['cells in a list', (line) => (line.cells = 5)],
  ['no recorder', (line) => delete line.id],
  ['a recorder of another kind', (line) => (line.id = 'XYZ')],
  ['no time', (line) => (line.slot = 'now')],
  ['memory of another kind', (line) => (line.process = { rss: '1' })],
]) {
  test(`a line with ${what} makes no sense, and none of it is counted`, (t) => {
    const [block, other] = blocksOf(1);
    const line = changed(block, change);
    t.is(parse(line), undefined);
    const whole = Buffer.concat([Buffer.from(`\n${line}`), encode(other)]);
    const read = Profile.from(whole);
    t.is(read.skipped, Buffer.byteLength(line));
    t.deepEqual(read.toBuffer(), Profile.from(encode(other)).toBuffer());
  });
}

test('a line of a site that makes no sense is left out', (t) => {
  const site = { type: 'site', site: siteOf(1).id, source: 'fs', route: null, frames: [] };
  t.truthy(parse(JSON.stringify(site)));
  for (const wrong of [
    { site: 'x' },
    { source: 5 },
    { route: 5 },
    { frames: ['f'] },
    { frames: 5 },
  ]) {
    t.is(parse(JSON.stringify({ ...site, ...wrong })), undefined);
  }
});

test('a block that is cut off anywhere costs that block, and not the next one', (t) => {
  const [first, second] = blocksOf(4);
  const bytes = encode({ ...first, sites: [] });
  const whole = Profile.from(encode(second)).toBuffer();
  for (let length = 1; length < bytes.length; length++) {
    const read = Profile.from(Buffer.concat([bytes.subarray(0, length), encode(second)]));
    t.is(read.skipped, length - 1); // but for the line feed
    t.deepEqual(read.toBuffer(), whole);
  }
});

test('bytes that were changed on the way are an error or left out, and no hang', (t) => {
  const below = random(7);
  const bytes = encode(blocksOf(7)[0]);
  for (let i = 0; i < 2000; i++) {
    const damaged = Buffer.from(below(4) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes);
    for (let n = below(4); n > 0 && damaged.length > 0; n--) {
      damaged[below(damaged.length)] = below(256);
    }
    try {
      Profile.from(damaged);
    } catch (error) {
      t.is(error.code ?? error.stack, 'ERR_RALLOC_PROFILE_VERSION');
    }
  }
  t.pass();
});

test('fields that a later version adds are left out, and a newer format is refused', (t) => {
  const [block] = blocksOf(5);
  const later = changed(block, (line) => Object.assign(line, { added: [1], process: null }));
  const same = encode({ ...block, sites: [], process: undefined });
  t.deepEqual(Profile.from(Buffer.from(later)).toBuffer(), Profile.from(same).toBuffer());
  t.throws(() => parse(changed(block, (line) => (line.format = 2))), {
    code: 'ERR_RALLOC_PROFILE_VERSION',
    message: /has format 2; this ralloc reads formats up to 1\. Update ralloc/,
  });
});
