'use strict';
// tier: tools

// Modules of Node that take much memory are loaded by the application, and not for the recorder; what it takes out of them is recorded.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { BORN } = require('../../../tools/recorder/events.js').events;
const { folder } = require('../../helpers/folder.js');
const { profiled } = require('../../helpers/profile.js');

const SIZE = 300_000;
const SIZE_CLASS = 19; // of that alone
const RANDOM = 70_000; // bytes

/** Node 20 does not tell what is loaded. */
const IS_TOLD = Number.parseInt(process.versions.node, 10) >= 22;

for (const way of [
  'require()',
  'a property of fs',
  'process.getBuiltinModule()',
  'import()',
  'static imports',
]) {
  test(`what functions from ${way} allocate is counted, and a thread of a class from there has a recorder`, async (t) => {
    const file = join(folder(t), 'file');
    fs.writeFileSync(file, Buffer.alloc(SIZE));
    const ended = await profiled(t, 'loads-late.cjs', {
      args: [way, file],
      options: ['--rate', '1'],
    });
    t.is(ended.result?.length, SIZE, ended.stderr);
    if (IS_TOLD) t.deepEqual(ended.result.loaded, []);
    const profile = ended.read();
    t.is(profile.recorders.length, 2);
    const born = profile.cells.filter(({ event }) => event === BORN);
    const bytesOf = (is) => born.filter(is).reduce((sum, { bytes }) => sum + bytes, 0);
    t.is(
      bytesOf(({ sizeClass }) => sizeClass === SIZE_CLASS),
      SIZE,
    );
    t.is(
      bytesOf(({ bytes }) => bytes === RANDOM),
      RANDOM,
    );
  });
}
