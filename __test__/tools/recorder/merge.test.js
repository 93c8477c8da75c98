'use strict';
// tier: tools

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { mergeFiles } = require('../../../tools/recorder/merge.js');
const { Profile } = require('../../../tools/recorder/profile.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, writeProfile } = require('../../helpers/profiles.js');

const LEAST_SHARE = 1 << 18; // bytes

/** Files of more bytes than that. */
function largeFiles(t, count) {
  const dir = folder(t);
  const once = fs.readFileSync(writeProfile(dir, 1, { slots: 10, sites: 200, cells: 90 }));
  const large = Buffer.concat(
    Array.from({ length: Math.ceil((1.3 * LEAST_SHARE) / once.length) }, () => once),
  );
  return Array.from({ length: count }, (_, i) => {
    const file = path.join(dir, `large-${i}.rprof`);
    fs.writeFileSync(file, large);
    fs.appendFileSync(file, fs.readFileSync(writeProfile(dir, i + 2)));
    return file;
  });
}

test('threads that share the files give what one does', async (t) => {
  const files = largeFiles(t, 4);
  const alone = await mergeFiles(files, { threads: 1 });
  const shared = await mergeFiles(files, { threads: 4, leastShare: LEAST_SHARE });
  t.true(shared.profile.toBuffer().equals(alone.profile.toBuffer()));
  t.deepEqual(shared.skipped, alone.skipped);
  t.deepEqual(shared.repeated, files.slice(1)); // recorder 1 is in all
  t.deepEqual(alone.repeated, shared.repeated);
});

test('an error of a thread is told as if there were none', async (t) => {
  const files = largeFiles(t, 3);
  for (const [place, content] of [
    [0, Buffer.alloc(1.6 * LEAST_SHARE, 1)],
    [2, Buffer.alloc(1.1 * LEAST_SHARE, 1)],
  ]) {
    const kept = fs.readFileSync(files[place]);
    fs.writeFileSync(files[place], content);
    const error = await t.throwsAsync(mergeFiles(files, { threads: 4, leastShare: LEAST_SHARE }));
    t.is(error.name, 'RallocError');
    t.is(error.code, 'ERR_RALLOC_PROFILE_FOREIGN');
    t.is(error.file, files[place]);
    t.true(error.message.includes(files[place]));
    fs.writeFileSync(files[place], kept);
  }
});

test('what was skipped is told by file', async (t) => {
  const dir = folder(t);
  const files = [1, 2, 3].map((seed) => writeProfile(dir, seed));
  fs.appendFileSync(files[1], 'rest');
  const { profile, skipped, repeated } = await mergeFiles(files);
  t.deepEqual(
    [...skipped],
    [
      [files[0], 0],
      [files[1], 4],
      [files[2], 0],
    ],
  );
  t.deepEqual(repeated, []);
  const whole = new Profile();
  for (const seed of [1, 2, 3]) for (const block of blocksOf(seed)) whole.add(block);
  t.true(profile.toBuffer().equals(whole.toBuffer()));
});
