'use strict';
// tier: run-time

// Stacks of debug mode: whose frames they have, in which order, and that nothing of an application's makes them throw.

const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { inspect } = require('node:util');
const { serial: test } = require('ava');
const esbuild = require('esbuild');
const { Arena } = require('../..');
const { Trace } = require('../../lib/debug/trace.js');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const { untilCollected } = require('../helpers/until.js');

const LIBRARY = path.join(__dirname, '..', '..', 'lib') + path.sep;

const allocates = () => Trace.take();

/** The frames in this file, as `name line`. */
const own = ({ frames }) =>
  frames.filter(({ file }) => file === __filename).map((one) => `${one.function} ${one.line}`);

const lineHere = () => Number(/:(\d+):\d+\)?$/.exec(new Error('here').stack.split('\n')[2])[1]);

/** Files in a folder of their own, required: { 'node_modules/a/index.js': text } */
function modules(t, files) {
  const dir = fs.realpathSync(folder(t));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  return { dir, load: createRequire(path.join(dir, 'main.js')) };
}

test('the innermost frame is the caller of the function that is named', (t) => {
  const within = () => Trace.take(within);
  function outer() {
    return within();
  }
  const line = lineHere() - 2;
  const { top } = outer();
  t.like(top, { function: 'outer', file: __filename, line });
  t.true(top.column > 0);
});

test("the application's frames come first, then those of packages", (t) => {
  const files = {
    'node_modules/router/index.js': 'module.exports = function route(work) { return work(); };',
    'app.js':
      'const route = require("router");\nexports.handle = function handle(take) {\n  return route(function handler() {\n    return route(take);\n  });\n};',
  };
  const { dir, load } = modules(t, files);
  const { frames } = load('./app.js').handle(allocates);
  const names = frames.filter(({ file }) => file.startsWith(dir)).map((one) => one.function);
  t.deepEqual(names, ['handler', 'Object.handle', 'route', 'route']);
  const last = frames.findLastIndex(({ file }) => !file.includes('node_modules'));
  t.true(frames.slice(last + 1).every(({ file }) => file.includes('node_modules')));
});

test('those of ralloc and of Node are left out', (t) => {
  const arena = new Arena();
  const [trace] = [1].map(() => arena.scope(() => allocates()));
  const all = trace.frames.map(({ file }) => file);
  t.true(all.length > 1);
  t.deepEqual(
    all.filter((file) => file === '' || file.startsWith('node:') || file.startsWith(LIBRARY)),
    [],
  );
});

test('where nobody else is, they are told', async (t) => {
  const trace = await new Promise((resolve) => {
    setImmediate(function ours() {
      resolve(Trace.take(ours));
    });
  });
  t.true(trace.frames.length > 0);
  t.true(trace.frames.every(({ file }) => file.startsWith('node:')));
  t.regex(String(trace), /^ {4}at /);
});

test('a stack goes through await', async (t) => {
  async function later() {
    await null;
    return allocates();
  }
  async function handler() {
    const trace = await later();
    return trace;
  }
  const names = own(await handler()).map((one) => one.split(' ')[0]);
  t.deepEqual(names.slice(0, 3), ['allocates', 'later', 'handler']);
});

test('it has as many frames as it is asked for', (t) => {
  const deep = (n, work) => (n === 0 ? work() : deep(n - 1, work));
  t.is(deep(80, () => Trace.take(undefined, 3)).frames.length, 3);
  t.is(deep(80, () => Trace.take(undefined, 64)).frames.length, 64);
  t.is(deep(80, () => Trace.take()).frames.length, 16);
});

test('the same lines have the same key, whatever packages called them', (t) => {
  const files = {
    'node_modules/router/index.js':
      'exports.one = (work) => work();\nexports.two = (work) => exports.one(() => work());',
    'app.js':
      'const { one, two } = require("router");\nexports.handle = (n, take) => {\n  return (n === 1 ? one : two)(() => take());\n};',
  };
  const { load } = modules(t, files);
  const { handle } = load('./app.js');
  const [a, b] = [1, 2].map((n) => handle(n, () => Trace.take(undefined, 64)));
  t.not(a.frames.length, b.frames.length);
  t.is(a.key, b.key);
  t.not(allocates().key, allocates().key, 'another column');
});

test('it is a text of lines as those of an error, also for inspect() and JSON', (t) => {
  const trace = (function named() {
    return allocates();
  })();
  const [first, second] = String(trace).split('\n');
  t.regex(first, /^ {4}at allocates \(.*trace\.test\.js:\d+:\d+\)$/);
  t.regex(second, /^ {4}at named \(.*trace\.test\.js:\d+:\d+\)$/);
  t.is(inspect(trace), `DebugTrace\n${trace}`);
  t.deepEqual(JSON.parse(JSON.stringify({ trace })), { trace: { frames: trace.frames } });
  t.is(trace.top, trace.frames[0]);
  t.throws(() => Object.assign(trace.top, { line: 1 }), { instanceOf: TypeError });
  const unnamed = (
    () => () =>
      Trace.take()
  )()();
  t.regex(String(unnamed).split('\n')[0], /^ {4}at \/.*:\d+:\d+$|^ {4}at [A-Z]:\\.*:\d+:\d+$/);
});

test('an application that has its own way with Error changes nothing, and nothing of it is changed', (t) => {
  const names = ['stackTraceLimit', 'prepareStackTrace'];
  const throwing = { get: () => t.fail('an accessor was called'), configurable: true };
  const ways = [
    ['prepareStackTrace', { value: () => 'a text', writable: true, configurable: true }],
    [
      'prepareStackTrace',
      {
        value: () => {
          throw new Error('no');
        },
        writable: true,
        configurable: true,
      },
    ],
    ['prepareStackTrace', throwing],
    ['stackTraceLimit', { value: 0, writable: true, configurable: true }],
    ['stackTraceLimit', { value: 'many', writable: false, configurable: true }],
    ['stackTraceLimit', throwing],
    ['stackTraceLimit', undefined],
  ];
  for (const [name, descriptor] of ways) {
    const before = names.map((one) => Object.getOwnPropertyDescriptor(Error, one));
    if (descriptor === undefined) delete Error[name];
    else Object.defineProperty(Error, name, descriptor);
    let trace;
    let after;
    try {
      trace = allocates().settle();
      after = Object.getOwnPropertyDescriptor(Error, name);
    } finally {
      names.forEach((one, i) => {
        delete Error[one];
        if (before[i] !== undefined) Object.defineProperty(Error, one, before[i]);
      });
    }
    if (descriptor === undefined) t.is(after, undefined);
    else t.like(after, descriptor);
    t.regex(own(trace)[0], /^allocates /, name);
  }
});

for (const [how, execArgv, args] of [
  ['with --frozen-intrinsics', ['--frozen-intrinsics'], []],
  ['where the limit is fixed', [], ['fixed limit']],
  ['where nothing can be added to Error', [], ['closed']],
]) {
  test(`${how} there is a stack all the same`, async (t) => {
    const { result, stderr } = await run('debug/frozen.js', { execArgv, args });
    t.is(result?.frames[0].function, 'allocates', stderr);
    t.regex(result.key, new RegExp(`^.*frozen\\.js:${result.line}:\\d+`));
  });
}

test('where the stack ends there is none, and no error', (t) => {
  const taken = [];
  const down = () => {
    taken.push(Trace.take());
    down();
  };
  t.throws(down, { instanceOf: RangeError, message: /call stack/ });
  t.is(typeof String(taken.at(-1)), 'string');
  t.is(typeof taken.at(-1).key, 'string');
});

test('a settled one keeps nothing alive of what it went through', async (t) => {
  const holders = [];
  class Handler {
    handle() {
      holders.push(new WeakRef(this));
      return Trace.take();
    }
  }
  const trace = new Handler().handle().settle();
  await untilCollected(() => holders[0].deref() === undefined);
  t.is(trace.top.function, 'Handler.handle');
});

// Stacks of code that a compiler has made: they have its author's lines, whether or not Node was asked to read source maps.

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

/** A folder of SOURCE and what it is compiled to, app.js; `sourcemap` is esbuild's, `footer` the program's end. */
async function compiled(t, sourcemap, footer = '') {
  const dir = fs.realpathSync(folder(t));
  const [source, out] = ['src/app.ts', 'out/app.js'].map((name) => path.join(dir, name));
  fs.mkdirSync(path.dirname(source));
  fs.writeFileSync(source, SOURCE);
  await esbuild.build({
    ...{ entryPoints: [source], outfile: out, format: 'cjs', sourcemap, sourcesContent: false },
    footer: { js: footer },
  });
  return { dir, source, out };
}

/** The frames of a stack that is taken in each of the compiled programs; `removed` are gone when it is made out. */
async function stacksOf(programs, { removed = [], execArgv = [] } = {}) {
  const env = { NODE_V8_COVERAGE: '' }; // with it Node reads all source maps
  const args = [JSON.stringify({ programs: programs.map(({ out }) => out), removed })];
  const { result, stderr } = await run('debug/mapped.js', { args, execArgv, env });
  return result ?? stderr;
}

const places = (frames) => frames.slice(0, 2).map(({ file, line, column }) => [file, line, column]);

const authored = ({ source }) => [
  [source, 12, 44],
  [source, 12, 16],
];

/** The lines that ran. */
function areOf(t, frames, { out }, line = frames[0].line) {
  t.deepEqual(
    frames.slice(0, 2).map(({ file }) => file),
    [out, out],
  );
  if (line) t.true(fs.readFileSync(out, 'utf8').split('\n')[line - 1].includes('take()'));
}

test('code that a compiler has made has the lines of its source, by a map within the file or beside it', async (t) => {
  const programs = [await compiled(t, 'inline'), await compiled(t, 'linked')];
  const stacks = await stacksOf(programs);
  for (const [i, frames] of stacks.entries()) t.deepEqual(places(frames), authored(programs[i]));
});

test('it has them by the map that Node has, where the file is gone', async (t) => {
  const program = await compiled(t, 'inline');
  const execArgv = ['--enable-source-maps'];
  const [frames] = await stacksOf([program], { removed: [program.out], execArgv });
  t.deepEqual(places(frames), authored(program));
});

test('without a map, with one that nobody can read, and where the program is gone, it has the lines that ran', async (t) => {
  const gone = await compiled(t, 'inline');
  const programs = [gone];
  for (const url of [
    null,
    'data:application/json;base64,e30=',
    'data:application/json;base64,!!!',
    'none.js.map',
    'https://example.com/app.js.map',
    '%%%',
  ]) {
    programs.push(await compiled(t, false, url === null ? '' : `//# sourceMappingURL=${url}`));
  }
  const [first, ...others] = await stacksOf(programs, { removed: [gone.out] });
  areOf(t, first, gone, 0);
  for (const [i, frames] of others.entries()) areOf(t, frames, programs[i + 1]);
});

test("a package's map, whose sources are not installed, is left alone", async (t) => {
  const { dir, out } = await compiled(t, 'inline');
  const within = path.join(dir, 'node_modules', 'made', 'index.js');
  fs.mkdirSync(path.dirname(within), { recursive: true });
  fs.copyFileSync(out, within);
  const [frames] = await stacksOf([{ out: within }]);
  t.is(frames.filter(({ file }) => file === within).length, 2);
  t.true(frames.every(({ file }) => !file.endsWith('.ts')));
});
