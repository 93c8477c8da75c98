'use strict';
// tier: run-time

// The names of the system's error numbers.

const test = require('ava');
const { constants } = require('node:os');
const process = require('node:process');
const { codeOf, errnoCode, errorName } = require('../../lib/base/system-error.js');

const { ENOMEM, ENOENT, EEXIST, EACCES, EPERM, EINVAL, ENOSPC, EMFILE, EISDIR, ELOOP } =
  constants.errno;
const isWindows = process.platform === 'win32';

test('a number has the name that Node gives it, and one of Windows that of Unix', (t) => {
  const numbers = { ENOMEM, ENOENT, EEXIST, EACCES, EPERM, EINVAL, ENOSPC, EMFILE, EISDIR, ELOOP };
  for (const [name, number] of Object.entries(isWindows ? {} : numbers))
    t.is(errnoCode(number), name);
  t.is(errnoCode(1455, 'win32'), 'ENOMEM');
  t.is(errnoCode(183, 'win32'), 'EEXIST');
});

test('a number without a name is told as such', (t) => {
  t.is(errnoCode(99_999, 'linux'), undefined);
  t.is(errnoCode(99_999, 'win32'), undefined);
  t.is(errorName({ errno: 99_999 }), 'errno 99999');
});

test('a failure that says its name has that one', (t) => {
  t.is(codeOf({ code: 'ENOMEM', errno: 99_999 }), 'ENOMEM');
  t.is(errorName({ code: 'ENOMEM', errno: 12 }), 'ENOMEM (errno 12)');
});
