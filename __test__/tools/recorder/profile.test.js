'use strict';
// tier: tools

// Profiles, which are sums of blocks: what is in a file of them, or in several, and what is not.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { encode, parse } = require('../../../tools/recorder/lines.js');
const { events } = require('../../../tools/recorder/events.js');
const { Collection } = require('../../../tools/report/collection.js');
const { sameBytes } = require('../../helpers/bytes.js');
const { folder } = require('../../helpers/folder.js');
const { FIRST_SLOT, SLOT, blocksOf, exactCells, siteOf } = require('../../helpers/profiles.js');
const { random } = require('../../helpers/random.js');
const { Profile, cellsOf, record, rowsOf } = require('../../helpers/sums.js');

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed);

function sumOf(blocks) {
  const profile = new Profile();
  for (const block of blocks) profile.add(block);
  return profile;
}

/** What the cells of blocks sum up to, the slow way. */
function slowSum(blocks) {
  const sums = new Map();
  for (const { cells } of blocks) {
    for (const { site, sizeClass, event, bucket, samples, count, bytes } of cellsOf(cells)) {
      const key = [site, sizeClass, event, bucket].join();
      const sum = sums.get(key) ?? [0n, 0n, 0n];
      sums.set(key, [sum[0] + BigInt(samples), sum[1] + BigInt(count), sum[2] + BigInt(bytes)]);
    }
  }
  return new Map([...sums].sort());
}

function shuffled(list, below) {
  const left = [...list];
  return list.map(() => left.splice(below(left.length), 1)[0]);
}

test('its cells are the sums of those of its blocks', (t) => {
  const blocks = SEEDS.flatMap((seed) => blocksOf(seed));
  const cells = exactCells(sumOf(blocks));
  const sums = cells.map(({ site, sizeClass, event, bucket, samples, count, bytes }) => [
    [site, sizeClass, event, bucket].join(),
    [samples, count, bytes],
  ]);
  t.deepEqual(new Map(sums.sort()), slowSum(blocks));
});

test('sums of sums are the sum to the bit, in any order, however they are grouped', (t) => {
  const below = random(2);
  const frames = SEEDS.flatMap((seed) => blocksOf(seed).map(encode));
  const whole = Profile.from(Buffer.concat(frames)).toBuffer();
  for (let i = 0; i < 4; i++) {
    let parts = shuffled(frames, below);
    while (parts.length > 1) {
      const taken = parts.splice(0, below(3) + 2);
      const merged = Profile.from(Buffer.concat(taken)).toBuffer();
      parts = shuffled([merged, ...parts], below);
    }
    sameBytes(t, parts[0], whole);
  }
});

test('sums beyond 2^53 are exact, and the nearest number where they are numbers', (t) => {
  const [block] = blocksOf(1);
  const site = siteOf(1);
  const cell = { site: site.id, sizeClass: 1, event: events.BORN, bucket: 0, samples: 1, count: 3 };
  const blockOf = (bytes) => ({ ...block, sites: [site], cells: rowsOf([{ ...cell, bytes }]) });
  const large = blockOf(Number.MAX_SAFE_INTEGER);
  let profile = sumOf([large]);
  let sum = BigInt(Number.MAX_SAFE_INTEGER);
  for (let i = 0; i < 11; i++) {
    const bytes = profile.toBuffer();
    profile = Profile.from(Buffer.concat([bytes, bytes]));
    sum *= 2n;
    t.is(exactCells(profile)[0].bytes, sum);
    t.is(profile.cells[0].bytes, Number(sum));
  }
  // 2^53 + 1, which no number is.
  const odd = sumOf([large, blockOf(2)]);
  t.is(exactCells(odd)[0].bytes, 2n ** 53n + 1n);
  t.true(odd.toBuffer().includes('9007199254740993'));
});

test('a recorder is told once, from its first slot to its last', (t) => {
  const blocks = blocksOf(1, { slots: 5 });
  const [recorder, ...others] = sumOf(blocks.toReversed()).recorders;
  t.deepEqual(others, []);
  t.deepEqual(recorder, {
    ...blocks[0].recorder,
    slot: FIRST_SLOT,
    until: FIRST_SLOT + 5 * SLOT,
    rate: blocks[4].rate,
  });
});

test('the series adds the recorders of a slot', (t) => {
  const process = { rss: 10, arrayBuffers: 20, external: 30, heapUsed: 40, live: 50 };
  const blocks = [1, 2, 3].map((seed) => ({ ...blocksOf(seed)[0], process }));
  const later = { ...blocksOf(1)[1], process };
  t.deepEqual(sumOf([later, ...blocks]).series, [
    {
      ...{ slot: FIRST_SLOT, recorders: 3 },
      ...{ rss: 30, arrayBuffers: 60, external: 90, heapUsed: 120, live: 150 },
    },
    { slot: FIRST_SLOT + SLOT, recorders: 1, ...process },
  ]);
});

test('a site whose definition was lost keeps its cells', (t) => {
  const blocks = blocksOf(1);
  const whole = sumOf(blocks);
  const lost = sumOf(blocks.map((block) => ({ ...block, sites: [] })));
  t.deepEqual(lost.cells, whole.cells);
  const [site] = lost.sites;
  t.deepEqual(site, { id: whole.sites[0].id, source: 'unknown', route: undefined, frames: [] });
  // The definition may come from another profile of the same application.
  const bytes = Buffer.concat([lost.toBuffer(), whole.toBuffer()]);
  t.deepEqual(Profile.from(bytes).sites, whole.sites);
});

test('the cells of many sites are in lines that a database takes', (t) => {
  const [block] = blocksOf(1);
  const sites = Array.from({ length: 20_000 }, (_, n) => siteOf(n));
  const cell = { sizeClass: 5, event: events.BORN, bucket: 0, samples: 1, count: 1024, bytes: 32 };
  const cells = sites.map(({ id }) => ({ site: id, ...cell }));
  const bytes = sumOf([{ ...block, sites, cells: rowsOf(cells) }]).toBuffer();
  const lines = bytes.toString().split('\n');
  t.is(lines.filter((line) => line.startsWith('{"type":"cells"')).length, 20);
  t.true(Math.max(...lines.map(({ length }) => length)) < 1e6);
  sameBytes(t, Profile.from(bytes).toBuffer(), bytes);
  t.is(Profile.from(bytes).cells.length, 20_000);
});

test('a file is read in pieces, wherever its lines end', (t) => {
  const file = path.join(folder(t), 'a.jsonl');
  const frames = blocksOf(1, { slots: 100, sites: 2000, cells: 900 }).map(encode);
  const bytes = Buffer.concat(Array.from({ length: 4 }, () => frames).flat());
  t.true(bytes.length > 2.2e6); // more than two pieces
  fs.writeFileSync(file, bytes);
  const read = Profile.read(file);
  t.is(read.skipped, 0);
  sameBytes(t, read.toBuffer(), Profile.from(bytes).toBuffer());
});

test('the time between collections is that of all recorders that tell of some', (t) => {
  const blocks = blocksOf(1, { slots: 3 });
  const from = (n, collections) => {
    const told = blocksOf(n, { slots: 3 });
    return told.map((block, i) => ({ ...block, number: i + 1, collections: collections[i] }));
  };
  t.is(sumOf(blocks).collectionMs, undefined);
  t.is(sumOf(from(2, [0, 0, 0])).collectionMs, undefined);
  const [a, b] = [from(2, [10, 40, 60]), from(3, [1, 1, 1])];
  const profile = sumOf([...b, ...blocks, ...a.toReversed()]);
  const ms = a[2].until - a[0].recorder.start + b[2].until - b[0].recorder.start;
  t.is(profile.collectionMs, ms / 61);
  t.is(Profile.from(profile.toBuffer()).collectionMs, ms / 61);
});

// What is missing, or makes no sense: the rest is read, and what is not there is told.

const numbered = (seed, options) =>
  blocksOf(seed, options).map((block, index) => ({ ...block, number: index + 1 }));

const framesOf = (blocks) => blocks.map(encode);
const joined = (...frames) => Profile.from(Buffer.concat(frames));

function written(t, ...frames) {
  const file = path.join(folder(t), 'a.jsonl');
  fs.writeFileSync(file, Buffer.concat(frames));
  return file;
}

test('a block in the middle that is lost is told, in sums of sums too', (t) => {
  const frames = framesOf(numbered(1, { slots: 5 }));
  t.is(joined(...frames).lost, 0);
  const left = frames.toSpliced(2, 1);
  const sum = joined(...left);
  t.is(sum.lost, 1);
  t.is(Profile.from(sum.toBuffer()).lost, 1);
  t.is(Collection.read(written(t, ...left)).lost, 1);
  t.is(Collection.read(written(t, sum.toBuffer())).lost, 1);
  // The rest of a recording may be in another file.
  const rest = joined(frames[2]).toBuffer();
  t.is(joined(sum.toBuffer(), rest).lost, 0);
  t.deepEqual(joined(sum.toBuffer(), rest).toBuffer(), joined(...frames).toBuffer());
});

test('a recorder numbers its blocks', (t) => {
  const recorder = record(t);
  const blocks = [recorder.take(), recorder.take(), recorder.settle()];
  t.deepEqual(
    blocks.map(({ number }) => number),
    [1, 2, 3],
  );
  const told = blocks.map((block) => Profile.from(encode(block)).recorders[0].last);
  t.deepEqual(told, [1, 2, 3]);
});

test('the rate is the same of files after one another and of their merge', (t) => {
  const files = [1, 2, 3].map((seed) => framesOf(blocksOf(seed, { slots: seed })));
  const whole = Collection.read(written(t, ...files.flat()));
  const merged = Collection.read(written(t, joined(...files.flat()).toBuffer()));
  t.is(whole.rate, (32768 * (1 + 2 + 3)) / 3); // each has a larger one in each slot
  t.is(merged.rate, whole.rate);
});

test('gzipped profiles are read as they are, after one another and cut off too', (t) => {
  const frames = [1, 2].map((seed) => Buffer.concat(framesOf(blocksOf(seed))));
  const [one, two] = frames.map((bytes) => gzipSync(bytes));
  const file = written(t, one, two);
  t.deepEqual(Profile.read(file).toBuffer(), joined(...frames).toBuffer());
  t.is(Collection.read(file).recorders.length, 2);
  const { recorders, skipped } = Profile.read(written(t, one.subarray(0, -40)));
  t.is(recorders.length, 1);
  t.true(skipped > 0);
});

// Blocks as lines of JSON: what is written, and what is read of it, whatever became of it.

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
