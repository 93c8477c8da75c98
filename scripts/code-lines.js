'use strict';

// Counts the lines of code of each room of src/, without comments and blank lines, and those of its
// tests; or, with `lib`, of each room of lib/. With `--files`: of each file.

const path = require('node:path');
const { listFiles, readFile } = require('./lib/files.js');

const ROOT = path.join(__dirname, '..');

/**
 * `#[cfg(…test…)]`, then `mod name` with or without a body; its attributes and comments may stand
 * between. What a feature may have as well is no test.
 */
const TEST_MODULE =
  /^#\[cfg\((?=[^\]]*\btest\b(?!-))(?!not\(test)(?![^\]]*any\(feature)[^\]]*\)\]\n(?:#\[[^\n]*\]\n)*(?:pub(?:\([^)]*\))? )?mod (\w+)(;| \{[\s\S]*?^\}$)/gm;

const count = (code) => code.split('\n').filter((line) => line.trim() !== '').length;

/** `src/slab/mod.rs` and `src/slab.rs` → `src/slab` */
const moduleOf = (file) => file.replace(/(?:\/mod)?\.rs$/, '').replace(/^src\/lib$/, 'src');

const files = listFiles(ROOT).filter((file) => /^src\/.*\.rs$/.test(file));
const sources = new Map(
  files.map((file) => [file, readFile(ROOT, file).replace(/^\s*\/\/.*\n/gm, '')]),
);
const testModules = [...sources].flatMap(([file, source]) =>
  [...source.matchAll(TEST_MODULE)].flatMap(([, name, body]) =>
    body === ';' ? `${moduleOf(file)}/${name}` : [],
  ),
);

/** What is commented out on lines of its own. */
const ofScript = (source) =>
  source.replace(/^\s*\/\*[\s\S]*?\*\/\s*$/gm, '').replace(/^\s*\/\/.*$/gm, '');

const rows = new Map();
const add = (name, code, tests) => {
  const sum = rows.get(name) ?? [0, 0];
  rows.set(name, [sum[0] + code, sum[1] + tests]);
};
const nameOf = (file) =>
  process.argv.includes('--files') ? file : file.split('/')[1].replace(/\.(rs|m?js)$/, '');

function countLib() {
  for (const file of listFiles(ROOT).filter((one) => /^lib\/.*\.m?js$/.test(one))) {
    const code = count(ofScript(readFile(ROOT, file)));
    add(nameOf(file), code, 0);
    add('total', code, 0);
  }
}

function countCore() {
  for (const [file, source] of sources) {
    const isTest = testModules.some((one) => `${moduleOf(file)}/`.startsWith(`${one}/`));
    const code = isTest ? 0 : count(source.replace(TEST_MODULE, ''));
    add(nameOf(file), code, count(source) - code);
    add('total', code, count(source) - code);
  }
}

if (process.argv.includes('lib')) countLib();
else countCore();
const show = (...cells) => console.log(cells.map((cell) => `${cell}`.padStart(6)).join(' '));
show('code', 'tests', ' room');
for (const [name, [code, tests]] of [...rows].sort()) show(code, tests, ` ${name}`);
