'use strict';

// Lists the files of lib/, tools/ and src/ that have fewer than 40 lines, the shortest first, with what they say of themselves. No check: many a
// noun is that small. One that only another file understands is a shard of it, and belongs there.

const path = require('node:path');
const { listFiles, readFile } = require('./lib/files.js');

const ROOT = path.join(__dirname, '..');
const LINES = 40;

const short = listFiles(ROOT)
  .filter((file) => /^(?:lib|tools|src)\/.*\.(?:m?js|rs)$/.test(file))
  .map((file) => ({ file, lines: readFile(ROOT, file).split('\n').slice(0, -1) }))
  .filter(({ lines }) => lines.length < LINES)
  .sort((a, b) => a.lines.length - b.lines.length);

const isComment = (line) => /^\s*(?:\/\/|\/?\*+ )/.test(line);

for (const { file, lines } of short) {
  const first = lines.find(isComment) ?? '';
  console.log(
    `${`${lines.length}`.padStart(2)}  ${file}  ${first.replace(/^[\s/*!]+|\s*\*\/$/g, '')}`,
  );
}
