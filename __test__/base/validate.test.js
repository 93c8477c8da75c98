'use strict';
// tier: run-time

// How options are read, and other small things that all rooms use.

const test = require('ava');
const { constants } = require('node:os');
const { fileKey } = require('../../lib/base/file-names.js');
const { codeOf, errnoCode, errorName } = require('../../lib/base/system-error.js');
const check = require('../../lib/base/validate.js');

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

const readers = {
  maxBytes: (value, name) => [name, value],
  maxBytesPerRequest: (value) => value,
  wipe: check.boolean,
};
const read = (options, name) => check.options(options, readers, name);

test('options are read by their readers, and undefined ones are left out', (t) => {
  t.deepEqual(read(undefined), {});
  t.deepEqual(read({ maxBytes: 5, wipe: undefined }), { maxBytes: ['options.maxBytes', 5] });
  t.deepEqual(read({ maxBytes: 5 }, 'options.memory').maxBytes[0], 'options.memory.maxBytes');
  for (const options of [null, 5, 'wipe', [], true]) {
    t.throws(() => read(options), { code, instanceOf: TypeError, message: /"options"/ });
  }
});

test('an unknown option names the nearest, and in which object', (t) => {
  const nearest = (key, name) => t.throws(() => read({ [key]: 1 }, name), { code }).message;
  const near = {
    maxByte: 'maxBytes',
    MAXBYTES: 'maxBytes',
    maxBytesPer: 'maxBytesPerRequest', // begins so, although "maxBytes" is fewer edits away
    wpie: 'wipe',
    wipes: 'wipe',
    axBytes: 'maxBytes',
    wiper: 'wipe',
    wipeMemory: 'wipe', // begins with it
    maxBytesPerRequst: 'maxBytesPerRequest', // so does this, but it is a slip
  };
  for (const [key, expected] of Object.entries(near)) {
    t.is(nearest(key), `Unknown option "${key}". Did you mean "${expected}"?`);
  }
  for (const key of ['toString', 'limit', 'highWaterMark', 'ma', 'w']) {
    const all = 'The options are "maxBytes", "maxBytesPerRequest", "wipe"';
    t.is(nearest(key), `Unknown option "${key}". ${all}`);
  }
  t.is(
    nearest('limit', 'options.memory'),
    'Unknown option "memory.limit". The options are "memory.maxBytes", "memory.maxBytesPerRequest", "memory.wipe"',
  );
  const only = () => check.options({ x: 1 }, { force: check.boolean });
  t.throws(only, { code, message: 'Unknown option "x". The only option is "force"' });
  t.is(
    nearest('wip', 'options.memory'),
    'Unknown option "memory.wip". Did you mean "memory.wipe"?',
  );
});

test('on Windows a file is the same by another case, drive letter and slash; elsewhere by none of them', (t) => {
  const names = ['C:\\My App\\a.js', 'c:/my app/A.JS', 'C:\\My App\\b.js'];
  const keys = (isWindows) => new Set(names.map((name) => fileKey(name, isWindows))).size;
  t.is(keys(true), 2);
  t.is(keys(false), 3);
});

test('an error number of the system has the name that Node gives it, and one of Windows that of Unix', (t) => {
  if (process.platform !== 'win32') {
    for (const [name, number] of Object.entries(constants.errno)) {
      if (/^E(NOMEM|NOENT|EXIST|ACCES|PERM|INVAL|NOSPC|MFILE|ISDIR|LOOP)$/.test(name))
        t.is(errnoCode(number), name);
    }
  }
  t.is(errnoCode(1455, 'win32'), 'ENOMEM');
  t.is(errnoCode(183, 'win32'), 'EEXIST');
  t.is(errnoCode(99_999, 'linux'), undefined);
  t.is(errnoCode(99_999, 'win32'), undefined);
  t.is(errorName({ errno: 99_999 }), 'errno 99999');
  t.is(
    codeOf({ code: 'ENOMEM', errno: 99_999 }),
    'ENOMEM',
    'a failure that says its name has that one',
  );
  t.is(errorName({ code: 'ENOMEM', errno: 12 }), 'ENOMEM (errno 12)');
});
