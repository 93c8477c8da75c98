'use strict';
// tier: tools

// Which line of which source a frame stands for, by the source maps that are there when a report is made.

const test = require('ava');
const esbuild = require('esbuild');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { sourceOf } = require('../../../lib/debug/stack/sources.js');
const { Sources } = require('../../../tools/report/sources.js');
const { folder } = require('../../helpers/folder.js');

const TYPED = `interface Row { text: string }

export function parse(row: Row): Buffer {
  const length: number = row.text.length;
  return Buffer.alloc(length);
}
`;

/** Compiles TYPED into `dist/` of a folder; what `change` does to the map happens before it is written. */
function compile(t, { inline = false, change = (map) => map, sourcesContent = true } = {}) {
  const dir = fs.realpathSync(folder(t));
  const [source, compiled] = [path.join(dir, 'src', 'rows.ts'), path.join(dir, 'dist', 'rows.js')];
  for (const file of [source, compiled]) fs.mkdirSync(path.dirname(file));
  fs.writeFileSync(source, TYPED);
  const { code, map } = esbuild.transformSync(TYPED, {
    loader: 'ts',
    format: 'cjs',
    sourcemap: true,
    sourcefile: '../src/rows.ts',
    sourcesContent,
  });
  const json = JSON.stringify(change(JSON.parse(map)));
  const data = `data:application/json;base64,${Buffer.from(json).toString('base64')}`;
  if (!inline) fs.writeFileSync(`${compiled}.map`, json);
  fs.writeFileSync(compiled, `${code}//# sourceMappingURL=${inline ? data : 'rows.js.map'}\n`);
  const index = code.split('\n').findIndex((line) => line.includes('Buffer.alloc('));
  const column = code.split('\n')[index].indexOf('Buffer.alloc(') + 'Buffer.'.length + 1;
  return {
    source,
    compiled,
    frame: { function: 'parse', file: compiled, line: index + 1, column },
  };
}

for (const [what, options] of Object.entries({
  'in a file': {},
  'in the file itself': { inline: true },
  'that has no texts of the sources': { sourcesContent: false },
  'with a sourceRoot': {
    change: (map) => ({ ...map, sourceRoot: '../src', sources: ['rows.ts'] }),
  },
})) {
  test(`a line of TypeScript, by a source map ${what}`, (t) => {
    const { source, frame } = compile(t, options);
    const sources = new Sources();
    const found = sources.resolve(frame);
    t.deepEqual([found.file, found.line, found.function], [source, 5, 'parse']);
    const { first, lines } = sources.snippet(found.file, found.line);
    t.is(first, 1);
    t.is(lines[5 - first], '  return Buffer.alloc(length);');
  });
}

test('a source changed when the file that was compiled of it did', (t) => {
  const { source, compiled, frame } = compile(t);
  const [before, after] = [1_000_000, 2_000_000].map((seconds) => new Date(seconds * 1000));
  for (const file of [source, `${compiled}.map`])
    if (fs.existsSync(file)) fs.utimesSync(file, before, before);
  fs.utimesSync(compiled, after, after);
  const sources = new Sources();
  const { file, line } = sources.resolve(frame);
  t.is(sources.snippet(file, line).changed, after.getTime());
});

test('the source of a bundler’s URL is shown out of the map', (t) => {
  const { frame } = compile(t, {
    change: (map) => ({ ...map, sources: ['webpack://shop/./src/rows.ts'] }),
  });
  const sources = new Sources();
  const found = sources.resolve(frame);
  t.regex(found.file, /^webpack:\/\/shop\/.*src\/rows\.ts$/);
  t.true(sources.snippet(found.file, found.line).lines.includes('  return Buffer.alloc(length);'));
});

test('a map of Windows may have either slash', (t) => {
  const { win32 } = path;
  const named = (name, root) => sourceOf(name, root, new URL('file:///C:/app/dist/a.js'), win32);
  t.is(named('C:/app/src/a.ts'), 'C:\\app\\src\\a.ts');
  t.is(named('a.ts', 'C:\\app\\src\\'), 'C:\\app\\src\\a.ts');
  t.is(named('src/a.ts', 'C:/app'), 'C:\\app\\src\\a.ts');
  t.is(named('webpack://app/src/a.ts'), 'webpack://app/src/a.ts');
});

test('the frames of ES modules have URLs', (t) => {
  const { source, frame } = compile(t);
  const found = new Sources().resolve({ ...frame, file: pathToFileURL(frame.file).href });
  t.is(found.file, source);
});

for (const [what, text] of Object.entries({
  'not there': undefined,
  'cut off': '{"version":3,"sour',
  none: '[]',
})) {
  test(`a source map that is ${what} is told, and the line is the compiled one`, (t) => {
    const { compiled, frame } = compile(t);
    if (text === undefined) fs.rmSync(`${compiled}.map`);
    else fs.writeFileSync(`${compiled}.map`, text);
    const sources = new Sources();
    t.deepEqual(sources.resolve(frame), frame);
    t.deepEqual([...sources.unreadable.keys()], [compiled]);
  });
}

test('a map on the web is not fetched', (t) => {
  const { compiled, frame } = compile(t);
  fs.appendFileSync(compiled, '//# sourceMappingURL=https://example.test/rows.js.map\n');
  const sources = new Sources();
  t.deepEqual(sources.resolve(frame), frame);
  t.is(sources.unreadable.size, 0);
});

test('what a file says in the middle, in a string, is no map of it', (t) => {
  const dir = folder(t);
  const file = path.join(dir, 'a.js');
  fs.writeFileSync(file, "const text = '//# sourceMappingURL=a.map';\nBuffer.alloc(1);\n");
  const frame = { function: 'f', file, line: 2, column: 8 };
  const sources = new Sources();
  t.deepEqual(sources.resolve(frame), frame);
  t.is(sources.unreadable.size, 0);
});

test('what is no code is not read, whatever a profile names', (t) => {
  const dir = folder(t);
  for (const name of ['passwd', '.env', 'key.pem']) {
    const file = path.join(dir, name);
    fs.writeFileSync(file, 'secret\n');
    t.is(new Sources().snippet(file, 1), undefined);
  }
});
