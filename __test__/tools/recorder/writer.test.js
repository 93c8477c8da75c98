'use strict';
// tier: tools

// Blocks are appended whole, by several writers to one file; nothing but a profile is ever replaced.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { encode } = require('../../../tools/recorder/lines.js');
const { Profile } = require('../../helpers/sums.js');
const { record } = require('../../../tools/recorder/session.js');
const { Writer, filesAfter, prepare } = require('../../../tools/recorder/writer.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf } = require('../../helpers/profiles.js');

const frames = (seed) => blocksOf(seed, {}).map(encode);

test('what several writers append is the sum of it', (t) => {
  const file = join(folder(t), 'a.jsonl');
  prepare(file);
  const writers = [1, 2, 3].map((seed) => ({ writer: new Writer(file), rest: frames(seed) }));
  while (writers.some(({ rest }) => rest.length > 0)) {
    for (const { writer, rest } of writers) if (rest.length > 0) writer.write(rest.shift());
  }
  for (const { writer } of writers) writer.close();
  const together = Profile.read(file);
  const one = Profile.from(Buffer.concat([1, 2, 3].flatMap(frames)));
  t.is(together.skipped, 0);
  t.deepEqual(together.toBuffer(), one.toBuffer());
});

test('an earlier profile is replaced, also one that is cut off', (t) => {
  const file = join(folder(t), 'a.jsonl');
  const [frame] = frames(1);
  for (const before of [frame, frame.subarray(0, 20), Buffer.alloc(0)]) {
    fs.writeFileSync(file, before);
    prepare(file);
    t.is(fs.statSync(file).size, 0);
  }
});

test('a descriptor that the application has closed: its own file of that number is left alone', (t) => {
  const dir = folder(t);
  const file = join(dir, 'a.jsonl');
  const own = join(dir, 'own');
  const [first, ...rest] = frames(1);
  prepare(file);
  const fd = fs.openSync(file); // the lowest that is free, and so the writer's
  fs.closeSync(fd);
  const writer = new Writer(file);
  writer.write(first);
  t.is(fs.fstatSync(fd).ino, fs.statSync(file).ino);
  fs.closeSync(fd);
  t.is(fs.openSync(own, 'w'), fd);
  for (const frame of rest) writer.write(frame);
  writer.close();
  fs.writeSync(fd, 'mine');
  fs.closeSync(fd);
  t.is(fs.readFileSync(own, 'utf8'), 'mine');
  const whole = Profile.read(file);
  t.is(whole.skipped, 0);
  t.deepEqual(whole.toBuffer(), Profile.from(Buffer.concat(frames(1))).toBuffer());
});

test('a file that has its largest size is followed by the next, in all writers', (t) => {
  const dir = folder(t);
  const file = join(dir, 'a.jsonl');
  const [one, two] = [1, 2].map(() => new Writer(file, 100));
  for (const block of frames(1)) {
    for (const writer of [one, two]) {
      writer.turn();
      writer.write(block);
    }
  }
  for (const writer of [one, two]) writer.close();
  const files = fs.readdirSync(dir);
  t.deepEqual(files, ['a.2.jsonl', 'a.3.jsonl', 'a.4.jsonl', 'a.5.jsonl', 'a.6.jsonl', 'a.jsonl']);
  const bytes = files.map((name) => fs.readFileSync(join(dir, name)));
  const all = [...frames(1), ...frames(1)];
  t.deepEqual(
    Profile.from(Buffer.concat(bytes)).toBuffer(),
    Profile.from(Buffer.concat(all)).toBuffer(),
  );
  prepare(file);
  t.is([...filesAfter(file)].length, 5, 'files of that name are another profile’s');
  fs.writeFileSync(join(dir, 'a.4.jsonl'), 'x');
  t.throws(() => prepare(file, 100), { code: 'ERR_RALLOC_PROFILE_FOREIGN' });
  t.deepEqual(fs.readdirSync(dir), files);
  fs.rmSync(join(dir, 'a.4.jsonl'));
  prepare(file, 100);
  t.deepEqual([...filesAfter(file)], []);
});

test('each file of a recording knows its sites', (t) => {
  const file = join(folder(t), 'a.jsonl');
  const session = record({ file, rate: 1, maxBytes: 1 }, (error) => t.fail(error.message));
  for (let i = 0; i < 3; i++) {
    t.truthy(Buffer.alloc(1000));
    session.flush();
  }
  session.end();
  const files = [file, ...filesAfter(file)];
  t.is(files.length, 5); // the first block is that of the start
  for (const one of files.slice(1)) {
    const { sites } = Profile.read(one);
    t.true(sites.some(({ frames: [frame] }) => frame.file === __filename));
    t.false(sites.some(({ source }) => source === 'unknown'));
  }
});
