'use strict';
// tier: tools

// Code that is compiled in memory: a report has its author's lines, or says that it has not.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { writeFiles } = require('../../helpers/planned.js');
const { ralloc } = require('../../helpers/profile.js');

const ESBUILD = require.resolve('esbuild');

/** An enum takes more lines as JavaScript, an interface none. */
const SOURCE = `interface Row {
  size: number;
}

enum Kind { Small, Large }

const kept: Buffer[] = [];

class Maker {
  constructor(readonly row: Row) {}

  make(): Buffer {
    return Buffer.alloc(this.row.size);
  }
}

for (let i = 0; i < 1000; i++) kept.push(new Maker({ size: 65536 }).make());
console.log(kept.length, Kind.Large);
`;
const PLACES = [
  [13, 19],
  [17, 69],
];

/** What tsx, ts-node and others do: \`sourcemap\` is esbuild's. */
const hook = (sourcemap) => `
const { transformSync } = require(${JSON.stringify(ESBUILD)});
const fs = require('node:fs');
require.extensions['.ts'] = (module, file) => {
  const options = { loader: 'ts', format: 'cjs', sourcefile: file, sourcemap: ${sourcemap} };
  module._compile(transformSync(fs.readFileSync(file, 'utf8'), options).code, file);
};`;

const loader = `
import { transformSync } from ${JSON.stringify(pathToFileURL(ESBUILD).href)};
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
export function load(url, context, next) {
  if (!url.endsWith('.mts')) return next(url, context);
  const options = { loader: 'ts', format: 'esm', sourcefile: fileURLToPath(url), sourcemap: 'inline' };
  const source = transformSync(fs.readFileSync(new URL(url), 'utf8'), options).code;
  return { format: 'module', source, shortCircuit: true };
}`;
const registers = `
const { pathToFileURL } = require('node:url');
require('node:module').register(pathToFileURL(__dirname + '/loader.mjs'));`;

/** In the place of the package of that name. */
const support = `
exports.mapSourcePosition = (at) => ({ ...at, line: at.line + 1000 });`;

/** What `report --json` says of a program, and its folder. */
async function reportOf(t, files, args) {
  const dir = fs.realpathSync(folder(t));
  writeFiles(dir, files);
  const command = ['profile', '--rate', '64k', '-o', 'a.jsonl', '--', process.execPath, ...args];
  const { code, stderr } = await ralloc(command, { cwd: dir, env: { NODE_V8_COVERAGE: '' } });
  t.is(code, 0, stderr);
  const { stdout } = await called(['report', '--json', path.join(dir, 'a.jsonl')]);
  return { dir, ...JSON.parse(stdout) };
}

/** The stacks of the sites of a program, the costliest first: the places of its own files, from the inside, as [file, line, column]. */
async function stacksOf(t, files, args) {
  const { dir, sites } = await reportOf(t, files, args);
  const own = ({ file }) => path.relative(dir, file).startsWith('app');
  const placeOf = ({ file, line, column }) => [path.relative(dir, file), line, column];
  return sites.map(({ stack }) => stack.filter(own).map(placeOf));
}

const placesOf = async (...args) => (await stacksOf(...args))[0];
const at = (name, places) => places.map(([line, column]) => [name, line, column]);

test('one that tells its map to source-map-support alone', async (t) => {
  const name = 'node_modules/source-map-support/source-map-support.js';
  const files = {
    'hook.js': `require('./${name}');\n${hook('false')}`,
    [name]: support,
    'app.ts': SOURCE,
  };
  const [[file, line]] = await placesOf(t, files, ['-r', './hook.js', 'app.ts']);
  t.is(file, 'app.ts');
  t.true(line > 1000, 'as the library says');
});

const ESM = {
  'main.mjs': "import './app.mts';",
  'hook.js': registers,
  'loader.mjs': loader,
  'app.mts': SOURCE,
};

const CJS = (sourcemap) => ({ 'hook.js': hook(sourcemap), 'app.ts': SOURCE });

for (const [what, files, file, ...args] of [
  [
    'a compiler that hooks require() and leaves its map in the text',
    CJS("'inline'"),
    'app.ts',
    'app.ts',
  ],
  [
    'a loader of ES modules, with source maps enabled',
    ESM,
    'app.mts',
    'main.mjs',
    '--enable-source-maps',
  ],
]) {
  test(`${what}: the lines of the source`, async (t) => {
    const [main, ...flags] = args;
    const places = await placesOf(t, files, [...flags, '-r', './hook.js', main]);
    t.deepEqual(places.slice(0, 2), at(file, PLACES));
  });
}

const PARTS = `interface Token {
  text: Buffer;
}

const tokens: Token[] = [];

function read(): Buffer {
  return Buffer.alloc(65536);
}

for (let i = 0; i < 1000; i++) {
  tokens.push({ text: read().subarray(0, 32) });
}
process.on('exit', () => console.log(tokens.length));
`;

test('a part that keeps a whole Buffer: the line that makes the part, in the source', async (t) => {
  const files = { 'hook.js': hook("'inline'"), 'app.ts': PARTS };
  const { dir, findings } = await reportOf(t, files, ['-r', './hook.js', 'app.ts']);
  const { file, line } = findings.find(({ kind }) => kind === 'pin');
  t.deepEqual([path.relative(dir, file), line], ['app.ts', 12]);
});

for (const [what, files, file, main] of [
  ['a compiler that hooks require()', CJS('false'), 'app.ts', 'app.ts'],
  ['a loader of ES modules', ESM, 'app.mts', 'main.mjs'],
]) {
  test(`${what}, whose map nobody has: no line of the source, and the name says why`, async (t) => {
    const places = await placesOf(t, files, ['-r', './hook.js', main]);
    t.deepEqual([...new Set(places.map(([name]) => name))], [`${file} (compiled in memory)`]);
  });
}

test('what runs as it stands in its file is told so', async (t) => {
  const plain =
    'globalThis.kept ??= [];\nfor (let i = 0; i < 500; i++) kept.push(Buffer.alloc(65536));\n';
  const files = {
    'app.js': plain,
    'app.mjs': plain,
    'app.cjs': `#!/usr/bin/env node\n${plain}`.replaceAll('\n', '\r\n'),
    'app2.mjs': `\uFEFF// ☃é\n${plain}`,
    'app2.cjs': `\uFEFF// ☃é\n${plain}`,
  };
  const names = Object.keys(files);
  const main = names.map((name) => `import './${name}';\n`).join('');
  const stacks = await stacksOf(t, { ...files, 'main.mjs': main }, ['main.mjs']);
  const placed = stacks.filter((frames) => frames.length > 0); // Node makes Buffers, too
  const told = Object.fromEntries(placed.map(([[file, ...place]]) => [file, place]));
  for (const name of names) {
    const lines = files[name].replace('\uFEFF', '').split('\n');
    const line = lines.findIndex((one) => one.includes('for ('));
    t.deepEqual(told[name], [line + 1, lines[line].indexOf('alloc(') + 1], name);
  }
});

const STRIPPED = SOURCE.replace('enum Kind { Small, Large }', 'const Kind = { Large: 1 };').replace(
  'constructor(readonly row: Row) {}',
  'constructor(row: Row) { this.row = row; } row: Row;',
);
const names = process.features.typescript === 'strip' ? ['app.ts', 'app.mts'] : [];

for (const name of names) {
  test(`types that Node takes off leave every place where it was: ${name}`, async (t) => {
    const places = await placesOf(t, { [name]: STRIPPED }, [name]);
    t.deepEqual(places.slice(0, 2), at(name, PLACES));
  });
}
