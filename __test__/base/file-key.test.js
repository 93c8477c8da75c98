'use strict';
// tier: run-time

const test = require('ava');
const { fileKey } = require('../../lib/base/file-key.js');

test('on Windows a file is the same by another case, drive letter and slash; elsewhere by none of them', (t) => {
  const names = ['C:\\My App\\a.js', 'c:/my app/A.JS', 'C:\\My App\\b.js'];
  const keys = (isWindows) => new Set(names.map((name) => fileKey(name, isWindows))).size;
  t.is(keys(true), 2);
  t.is(keys(false), 3);
});
