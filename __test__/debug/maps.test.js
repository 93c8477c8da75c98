'use strict';
// tier: run-time

// Stacks of code that a compiler has made: they have its author's lines, whether or not Node was asked to read source maps.

const test = require('ava');
const esbuild = require('esbuild');
const fs = require('node:fs');
const path = require('node:path');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');

/** The interface takes lines that the compiled text has not, the enum fewer. */
const SOURCE = `interface Row {
  size: number;
}

enum Kind { Small, Large }

export class Handler {
  constructor(readonly row: Row, readonly kind = Kind.Small) {}

  handle(take: () => unknown): unknown {
    const all: Row[] = [this.row];
    return all.map((row) => row.size > 0 ? take() : null)[0];
  }
}
`;

/** SOURCE as `app.js`, in a folder of its own; `sourcemap` is esbuild's. */
async function compiled(t, sourcemap, at = 'src/app.ts') {
  const dir = fs.realpathSync(folder(t));
  fs.mkdirSync(path.join(dir, 'src'));
  fs.writeFileSync(path.join(dir, 'src', 'app.ts'), SOURCE);
  await esbuild.build({
    entryPoints: [path.join(dir, 'src', 'app.ts')],
    outfile: path.join(dir, 'out', 'app.js'),
    format: 'cjs',
    sourcemap,
    sourcesContent: false,
  });
  return { dir, source: path.join(dir, at), out: path.join(dir, 'out', 'app.js') };
}

/** The two innermost frames of a stack that is taken in the compiled program; `removed` is gone when it is made out. */
async function stackOf({ out }, { removed = [], execArgv = [] } = {}) {
  const env = { NODE_V8_COVERAGE: '' }; // with it Node reads all source maps
  const args = [out, ...removed];
  const { result, stderr } = await run('debug/mapped.js', { args, execArgv, env });
  return (result ?? { frames: [stderr] }).frames.slice(0, 2);
}

const authored = (source) => [
  { file: source, line: 12, column: 44 },
  { file: source, line: 12, column: 16 },
];

const places = (frames) => frames.map(({ file, line, column }) => ({ file, line, column }));

for (const [name, kind] of [
  ['within the file', 'inline'],
  ['beside it', 'linked'],
]) {
  test(`a source map ${name}`, async (t) => {
    const program = await compiled(t, kind);
    t.deepEqual(places(await stackOf(program)), authored(program.source));
  });
}

test('the map that Node has, where the file is gone', async (t) => {
  const program = await compiled(t, 'inline');
  const options = { removed: [program.out], execArgv: ['--enable-source-maps'] };
  t.deepEqual(places(await stackOf(program, options)), authored(program.source));
});

test('without a map, and with one that nobody can read, it has the lines that ran', async (t) => {
  const broken = [
    () => {},
    ({ out }) => fs.appendFileSync(out, '\n//# sourceMappingURL=data:application/json;base64,e30='),
    ({ out }) => fs.appendFileSync(out, '\n//# sourceMappingURL=data:application/json;base64,!!!'),
    ({ out }) => fs.appendFileSync(out, '\n//# sourceMappingURL=none.js.map'),
    ({ out }) => fs.appendFileSync(out, '\n//# sourceMappingURL=https://example.com/app.js.map'),
    ({ out }) => fs.appendFileSync(out, '\n//# sourceMappingURL=%%%'),
  ];
  for (const breaks of broken) {
    const program = await compiled(t, false);
    breaks(program);
    const frames = await stackOf(program);
    t.deepEqual(
      frames.map(({ file }) => file),
      [program.out, program.out],
    );
    const [line] = frames.map((frame) => frame.line);
    t.true(fs.readFileSync(program.out, 'utf8').split('\n')[line - 1].includes('take()'));
  }
});

test('the program may be gone when the report is made', async (t) => {
  const program = await compiled(t, 'inline');
  const frames = await stackOf(program, { removed: [program.out] });
  t.deepEqual(
    frames.map(({ file }) => file),
    [program.out, program.out],
  );
});

test("a package's map, whose sources are not installed, is left alone", async (t) => {
  const { dir, out } = await compiled(t, 'inline');
  const within = path.join(dir, 'node_modules', 'made', 'index.js');
  fs.mkdirSync(path.dirname(within), { recursive: true });
  fs.copyFileSync(out, within);
  const { result } = await run('debug/mapped.js', { args: [within] });
  t.is(result.frames.filter(({ file }) => file === within).length, 2);
  t.true(result.frames.every(({ file }) => !file.endsWith('.ts')));
});
