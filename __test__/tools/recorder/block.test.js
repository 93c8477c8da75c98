'use strict';
// tier: tools

const test = require('ava');
const { decode, encode } = require('../../../tools/recorder/block.js');
const { frame } = require('../../../tools/recorder/frame.js');
const { Profile } = require('../../../tools/recorder/profile.js');
const { blocksOf, recorderOf, siteOf } = require('../../helpers/profiles.js');
const { random } = require('../../helpers/random.js');

/** With its cells by site, as a block is written. */
function bySite(block) {
  const order = [...block.sites.map(({ id }) => id), ...block.cells.map(({ site }) => site)];
  const places = new Map([...new Set(order)].map((id, place) => [id, place]));
  return {
    ...block,
    cells: block.cells.toSorted((a, b) => places.get(a.site) - places.get(b.site)),
  };
}

test('a block is read as it was written', (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const blocks = blocksOf(seed);
    const bytes = Buffer.concat(blocks.map(encode));
    t.deepEqual(decode(bytes), { blocks: blocks.map(bySite), skipped: 0 });
  }
});

test('a block of a quiet slot is small', (t) => {
  const [block] = blocksOf(1);
  const bytes = encode({ ...block, sites: [], cells: [] });
  t.true(bytes.length < 130, `${bytes.length} bytes`);
});

test('numbers at the edges are exact', (t) => {
  const [block] = blocksOf(1);
  const edges = [0, 7, 14, 21, 28, 35, 42, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits]);
  const site = siteOf(1);
  const cells = edges
    .filter((edge) => edge <= Number.MAX_SAFE_INTEGER)
    .map((edge) => ({
      ...{ site: site.id, sizeClass: 63, event: 15, bucket: 63 },
      ...{ samples: edge, count: edge, bytes: edge },
    }));
  const [read] = decode(encode({ ...block, sites: [site], cells })).blocks;
  t.deepEqual(read.cells, cells);
});

test('what no profile has is refused', (t) => {
  const [block] = blocksOf(1);
  const [cell] = block.cells;
  for (const wrong of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, '1', undefined]) {
    const cells = [{ ...cell, bytes: wrong }];
    t.throws(() => encode({ ...block, cells }), { instanceOf: RangeError });
  }
  for (const wrong of [{ event: 16 }, { bucket: 64 }, { sizeClass: -1 }, { site: 'x' }]) {
    const cells = [{ ...cell, ...wrong }];
    t.throws(() => encode({ ...block, cells }), { instanceOf: RangeError });
  }
  const recorder = { ...recorderOf(1), id: 'XYZ' };
  t.throws(() => encode({ ...block, recorder }), { instanceOf: RangeError });
});

test('whole frames around a damaged one are read, and what was skipped is told', (t) => {
  const blocks = blocksOf(3);
  const frames = blocks.map(encode);
  const below = random(3);
  for (let i = 0; i < 200; i++) {
    const damaged = Buffer.from(frames[1]);
    const at = below(damaged.length);
    damaged[at] ^= 1 << below(8);
    const read = decode(Buffer.concat([frames[0], damaged, frames[2]]));
    t.is(read.skipped, damaged.length, `byte ${at}`);
    t.deepEqual(read.blocks, [blocks[0], blocks[2]].map(bySite));
  }
});

test('frames behind the beginning of one that was cut off are read', (t) => {
  const blocks = blocksOf(4);
  const [first, second] = blocks.map(encode);
  for (let length = 0; length < first.length; length++) {
    const read = decode(Buffer.concat([first.subarray(0, length), second]));
    t.deepEqual(read, { blocks: [bySite(blocks[1])], skipped: length });
  }
});

test('a block of a later version that adds a section is read', (t) => {
  const [block] = blocksOf(5);
  const payload = encode(block).subarray(12);
  const added = frame(Buffer.concat([payload, Buffer.from([99, 3, 1, 2, 3])]));
  t.deepEqual(decode(added).blocks, [bySite(block)]);
});

test('a block of a newer format is refused', (t) => {
  const payload = Buffer.from(encode(blocksOf(6)[0]).subarray(12));
  payload[0] = 2;
  t.throws(() => decode(frame(payload)), {
    code: 'ERR_RALLOC_PROFILE_VERSION',
    message: /has format 2; this ralloc reads formats up to 1\. Update ralloc/,
  });
});

test('a payload of nonsense with a right checksum is an error, and no hang', (t) => {
  const below = random(7);
  const payload = encode(blocksOf(7)[0]).subarray(12);
  for (let i = 0; i < 2000; i++) {
    const changed = Buffer.from(
      payload.subarray(0, below(4) === 0 ? below(payload.length) : undefined),
    );
    for (let n = below(4); n > 0 && changed.length > 0; n--)
      changed[below(changed.length)] = below(256);
    for (const read of [decode, Profile.from]) {
      try {
        read(frame(changed));
      } catch (error) {
        t.regex(error.code ?? error.stack, /^ERR_RALLOC_PROFILE_(DAMAGED|VERSION)$/);
      }
    }
  }
  t.pass();
});
