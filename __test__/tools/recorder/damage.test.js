'use strict';
// tier: tools

// Profiles of which something is missing, or makes no sense: the rest is read, and what is not there is told.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { encode } = require('../../../tools/recorder/lines.js');
const { mergeFiles } = require('../../../tools/recorder/profile.js');
const { Recorder } = require('../../../tools/recorder/recorder.js');
const { Collection } = require('../../../tools/report/collection.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, writeProfile } = require('../../helpers/profiles.js');
const { Profile, bytesOf } = require('../../helpers/sums.js');

/** Whole, and its recorder is none. */
const NONSENSE = Buffer.from('\n{"type":"block","format":1,"id":5,"cells":{}}');

const numbered = (seed, options) =>
  blocksOf(seed, options).map((block, index) => ({ ...block, number: index + 1 }));

const framesOf = (blocks) => blocks.map(encode);
const sumOf = (...frames) => Profile.from(Buffer.concat(frames));

function written(t, ...frames) {
  const file = path.join(folder(t), 'a.jsonl');
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
  const told = blocks.map((block) => Profile.from(encode(block)).recorders[0].last);
  t.deepEqual(told, [1, 2, 3]);
});

test('a line of nonsense is left out, counted, and costs nothing else', (t) => {
  const frames = framesOf(blocksOf(1));
  const whole = sumOf(...frames);
  const file = written(t, frames[0], NONSENSE, ...frames.slice(1), NONSENSE);
  const read = Profile.read(file);
  t.deepEqual(read.toBuffer(), whole.toBuffer());
  t.is(read.skipped, 2 * (NONSENSE.length - 1));
  const collection = Collection.read(file);
  t.is(collection.skipped, 2 * (NONSENSE.length - 1));
  t.is([...collection.sites()].length, new Set(whole.cells.map(({ site }) => site)).size);
  const other = writeProfile(path.dirname(file), 2);
  const { profile, told } = mergeFiles([other, file]);
  t.deepEqual(
    told.map(({ file: name, nonsense }) => [name, nonsense]),
    [
      [other, 0],
      [file, 2],
    ],
  );
  t.deepEqual(bytesOf(profile), sumOf(...framesOf(blocksOf(2)), ...frames).toBuffer());
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
