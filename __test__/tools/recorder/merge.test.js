'use strict';
// tier: tools

const test = require('ava');
const fs = require('node:fs');
const { gzipSync } = require('node:zlib');
const { mergeFiles } = require('../../../tools/recorder/profile.js');
const { Collection } = require('../../../tools/report/collection.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, writeProfile } = require('../../helpers/profiles.js');
const { Profile, bytesOf } = require('../../helpers/sums.js');

const profiles = (t, ...seeds) => {
  const dir = folder(t);
  return seeds.map((seed) => writeProfile(dir, seed));
};

test('what was skipped is told by file, and the files whose recorders another one has', (t) => {
  const files = profiles(t, 1, 2, 3);
  fs.appendFileSync(files[1], '\nrest');
  const { profile, told, repeated } = mergeFiles(files);
  t.deepEqual(
    told.map(({ file, skipped }) => [file, skipped]),
    [
      [files[0], 0],
      [files[1], 4],
      [files[2], 0],
    ],
  );
  t.deepEqual(repeated, []);
  const whole = new Profile();
  for (const seed of [1, 2, 3]) for (const block of blocksOf(seed)) whole.add(block);
  t.true(bytesOf(profile).equals(whole.toBuffer()));
  fs.copyFileSync(files[0], `${files[0]}.copy`);
  t.deepEqual(mergeFiles([...files, `${files[0]}.copy`]).repeated, [`${files[0]}.copy`]);
});

test('gzipped profiles are read as they are, after one another and cut off too', (t) => {
  const files = profiles(t, 1, 2);
  const [one, two] = files.map((file) => gzipSync(fs.readFileSync(file)));
  const whole = bytesOf(mergeFiles(files).profile);
  fs.writeFileSync(files[0], Buffer.concat([one, two]));
  t.deepEqual(Profile.read(files[0]).toBuffer(), whole);
  t.is(Collection.read(files[0]).recorders.length, 2);
  fs.writeFileSync(files[1], one.subarray(0, -40));
  const { recorders, skipped } = Profile.read(files[1]);
  t.is(recorders.length, 1);
  t.true(skipped > 0);
});

test('gzip that is damaged, and gzip of something else, are told by what they are', (t) => {
  const [file] = profiles(t, 1);
  const bytes = gzipSync(fs.readFileSync(file));
  bytes.fill(0xff, 20, 60);
  fs.writeFileSync(file, bytes);
  t.throws(() => Profile.read(file), { code: 'ERR_RALLOC_PROFILE_UNREADABLE' });
  fs.writeFileSync(file, gzipSync('{}'));
  t.throws(() => Profile.read(file), { code: 'ERR_RALLOC_PROFILE_FOREIGN' });
});
