'use strict';

// Counts the lines of code of each room of src/, without comments, blank lines and tests, and those of the tests. No check: it says what a
// change of the house came to. `--files` names each file too.

const path = require('node:path');
const { listFiles, readFile } = require('./lib/files.js');
const { moduleOf } = require('./lib/rust-paths.js');
const { RUST, maskSource } = require('./lib/source.js');

const ROOT = path.join(__dirname, '..');

/** `#[cfg(…test…)]`, then `mod name` with or without a body; its attributes and comments may stand between. */
const TEST_MODULE =
  /^#\[cfg\((?=[^\]]*\btest\b)(?!not\(test)[^\]]*\)\]\n(?:#\[[^\n]*\]\n)*(?:pub(?:\([^)]*\))? )?mod (\w+)(;| \{[\s\S]*?^\}$)/gm;

const count = (code) => code.split('\n').filter((line) => line.trim() !== '').length;

/** @returns {Map<string, { code: number, tests: number }>} by file */
function countFiles(root) {
  const texts = new Map();
  const testModules = new Set();
  for (const file of listFiles(root).filter((name) => /^src\/.*\.rs$/.test(name))) {
    const code = maskSource(readFile(root, file), RUST);
    texts.set(file, code);
    for (const [, name, body] of code.matchAll(TEST_MODULE))
      if (body === ';') testModules.add([...moduleOf(file), name].join('/'));
  }
  const isTest = (file) =>
    moduleOf(file).some((_, at, all) => testModules.has(all.slice(0, at + 1).join('/')));
  const counted = new Map();
  for (const [file, code] of texts) {
    const rest = isTest(file) ? '' : code.replace(TEST_MODULE, '');
    counted.set(file, { code: count(rest), tests: count(code) - count(rest) });
  }
  return counted;
}

const row = (code, tests, name) =>
  console.log(`${`${code}`.padStart(6)} ${`${tests}`.padStart(6)}  ${name}`);

const files = countFiles(ROOT);
const rooms = new Map();
for (const [file, { code, tests }] of files) {
  const [room = 'lib'] = moduleOf(file);
  const sums = rooms.get(room) ?? { code: 0, tests: 0, files: [] };
  rooms.set(room, {
    code: sums.code + code,
    tests: sums.tests + tests,
    files: [...sums.files, file],
  });
}
row('code', 'tests', 'room');
let [allCode, allTests] = [0, 0];
for (const [room, { code, tests, files: own }] of [...rooms].sort()) {
  row(code, tests, room);
  if (process.argv.includes('--files'))
    for (const file of own) row(files.get(file).code, files.get(file).tests, `  ${file}`);
  [allCode, allTests] = [allCode + code, allTests + tests];
}
row(allCode, allTests, 'all');
