'use strict';
// tier: tools

// How files are named in a report, whatever the system that they are of, and the one that it is made on.

const test = require('ava');
const { commonFolder, shortPath } = require('../../../tools/report/lines.js');

for (const [what, folder, files] of [
  ['POSIX', '/a/b', ['/a/b/c/d.js', '/a/b/e.js', 'node:fs']],
  ['POSIX, nothing in common', '/', ['/a/b.js', '/c/d.js']],
  ['Windows', 'C:\\My App', ['C:\\My App\\src\\a.js', 'c:\\my app\\b.js', 'node:fs']],
  ['Windows, a drive', 'C:\\', ['C:\\a\\b.js', 'c:\\c\\d.js']],
  ['Windows, several drives', '\\', ['C:\\a\\b.js', 'D:\\a\\b.js']],
  ['Windows, a share', '\\\\host\\share\\a', ['\\\\host\\share\\a\\b.js']],
]) {
  test(`the folder of an application: ${what}`, (t) => {
    t.is(commonFolder(files), folder);
  });
}

test('on Windows a file is named below its folder, whatever the case', (t) => {
  for (const [file, folder, name] of [
    ['c:\\my app\\src\\a.js', 'C:\\My App', 'src/a.js'],
    ['C:\\a\\node_modules\\b\\c.js', 'D:\\x', 'node_modules/b/c.js'],
    ['D:\\a.js', 'C:\\', 'D:/a.js'],
    ['C:\\a.js', 'C:\\', 'a.js'],
  ]) {
    t.is(shortPath(file, folder), name);
  }
});
