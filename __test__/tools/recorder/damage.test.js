'use strict';
// tier: tools

// Profiles of which something is missing, or makes no sense: the rest is read, and what is not there is told.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { blockIn, encode } = require('../../../tools/recorder/block.js');
const { frame } = require('../../../tools/recorder/frame.js');
const { mergeFiles } = require('../../../tools/recorder/merge.js');
const { Profile } = require('../../../tools/recorder/profile.js');
const { Recorder } = require('../../../tools/recorder/recorder.js');
const { Collection } = require('../../../tools/report/collection.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, writeProfile } = require('../../helpers/profiles.js');

/** Its checksum is right, and its cells belong to no site. */
const NONSENSE = frame(Buffer.from([1, 0, 6, 2, 1, 1]));

const numbered = (seed, options) =>
  blocksOf(seed, options).map((block, index) => ({ ...block, number: index + 1 }));

const framesOf = (blocks) => blocks.map(encode);
const sumOf = (...frames) => Profile.from(Buffer.concat(frames));

function written(t, ...frames) {
  const file = path.join(folder(t), 'a.rprof');
  fs.writeFileSync(file, Buffer.concat(frames));
  return file;
}

test('a block in the middle that is lost is told, in sums of sums too', (t) => {
  const frames = framesOf(numbered(1, { slots: 5 }));
  t.is(sumOf(...frames).lost, 0);
  const left = frames.toSpliced(2, 1);
  const sum = sumOf(...left);
  t.is(sum.lost, 1);
  t.is(Profile.from(sum.toBuffer()).lost, 1);
  t.is(Collection.read(written(t, ...left)).lost, 1);
  t.is(Collection.read(written(t, sum.toBuffer())).lost, 1);
  // The rest of a recording may be in another file.
  const rest = sumOf(frames[2]).toBuffer();
  t.is(sumOf(sum.toBuffer(), rest).lost, 0);
  t.deepEqual(sumOf(sum.toBuffer(), rest).toBuffer(), sumOf(...frames).toBuffer());
});

test('the first block is missed as well; blocks without numbers are not', (t) => {
  t.is(sumOf(...framesOf(numbered(1, { slots: 3 }).slice(1))).lost, 1);
  t.is(sumOf(...framesOf(blocksOf(1, { slots: 5 }).toSpliced(2, 1))).lost, 0);
});

test('a recorder numbers its blocks', (t) => {
  const recorder = new Recorder({ rate: 1 });
  recorder.start();
  t.teardown(() => recorder.stop());
  const blocks = [recorder.take(), recorder.take(), recorder.settle()];
  t.deepEqual(
    blocks.map(({ number }) => number),
    [1, 2, 3],
  );
  const decoded = blocks.map((block) => blockIn(encode(block).subarray(12)));
  t.deepEqual(
    decoded.map(({ number }) => number),
    [1, 2, 3],
  );
});

test('a block of nonsense with a right checksum is left out, counted, and costs nothing else', async (t) => {
  const frames = framesOf(blocksOf(1));
  const whole = sumOf(...frames);
  const file = written(t, frames[0], NONSENSE, ...frames.slice(1), NONSENSE);
  const read = Profile.read(file);
  t.deepEqual(read.toBuffer(), whole.toBuffer());
  t.is(read.skipped, 2 * NONSENSE.length);
  const collection = Collection.read(file);
  t.is(collection.skipped, 2 * NONSENSE.length);
  t.is([...collection.sites()].length, new Set(whole.cells.map(({ site }) => site)).size);
  const other = writeProfile(path.dirname(file), 2);
  const { profile, nonsense } = await mergeFiles([other, file]);
  t.deepEqual(
    [...nonsense],
    [
      [other, 0],
      [file, 2],
    ],
  );
  t.deepEqual(profile.toBuffer(), sumOf(...framesOf(blocksOf(2)), ...frames).toBuffer());
});

test('half of a block is not counted: its cells make sense up to the middle', (t) => {
  const frames = framesOf(blocksOf(1));
  const [block] = blocksOf(2);
  const payload = Buffer.from(encode(block).subarray(12));
  payload[payload.length - 1 - 3] = 0xff; // within the last cell
  const bad = frame(payload.subarray(0, -1));
  t.is(blockIn(bad.subarray(12)), undefined);
  t.deepEqual(sumOf(...frames, bad).toBuffer(), sumOf(...frames).toBuffer());
});

test('a file of nonsense alone is none', (t) => {
  const file = written(t, NONSENSE);
  const expected = { code: 'ERR_RALLOC_PROFILE_DAMAGED', message: /is not valid/ };
  t.throws(() => Profile.read(file), expected);
  t.throws(() => Collection.read(file), expected);
});

test('the rate is the same of files after one another and of their merge', (t) => {
  const files = [1, 2, 3].map((seed) => framesOf(blocksOf(seed, { slots: seed })));
  const whole = Collection.read(written(t, ...files.flat()));
  const merged = Collection.read(written(t, sumOf(...files.flat()).toBuffer()));
  t.is(whole.rate, (32768 * (1 + 2 + 3)) / 3); // each has a larger one in each slot
  t.is(merged.rate, whole.rate);
});
