'use strict';
// tier: run-time

const test = require('ava');
const fs = require('node:fs');
const { PassThrough } = require('node:stream');
const { inspect, promisify } = require('node:util');
const { join, relative } = require('node:path');
const fastify = require('fastify');
const { Arena, RallocError, Slab, loadTable, profiler, slab: defaultSlab } = require('../..');
const fastifyPlugin = require('../../lib/fastify.js');
const { codes } = require('../../lib/base/errors.js');
const { LeasedArena } = require('../../lib/memory/native.js');
const { readTable } = require('../../lib/site/table-file.js');
const { Profile } = require('../helpers/sums.js');
const { segmentError } = require('../../lib/slab/shared.js');
const { noLeaks } = require('../../lib/test.js');
const { newFolder, removeFolder } = require('../helpers/folder.js');
const { foreignTable } = require('../helpers/site.js');

const root = join(__dirname, '..', '..');
const docs = fs.readFileSync(join(root, 'docs', 'reference', 'errors.md'), 'utf8');

/** The headings of docs/reference/errors.md that are codes. */
const documented = (prefix) =>
  [...docs.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code).filter((c) => c.startsWith(prefix));

const filesIn = (name) =>
  fs.readdirSync(join(root, name), { recursive: true }).map((file) => join(root, name, file));

/** All codes that the source of lib/ and tools/ names. */
function named(pattern) {
  const files = ['lib', 'tools'].flatMap(filesIn).filter((file) => file.endsWith('.js'));
  const sources = files.map((file) => fs.readFileSync(file, 'utf8'));
  return [...new Set(sources.flatMap((source) => source.match(pattern) ?? []))].sort();
}

test('docs/reference/errors.md lists the codes of lib/base/errors.js, one by one', (t) => {
  t.deepEqual(documented('ERR_').sort(), Object.keys(codes).sort());
});

test('lib/ names no code that lib/base/errors.js does not know', (t) => {
  t.deepEqual(named(/\bERR_RALLOC_\w+/g), Object.keys(codes).sort());
});

test('each name that begins with RALLOC_ is a warning or a variable, and a page has it', (t) => {
  const page = fs.readFileSync(join(root, 'docs', 'reference', 'environment.md'), 'utf8');
  const variables = [...new Set(page.match(/`RALLOC_[A-Z_]+`/g))].map((one) => one.slice(1, -1));
  const debug = fs.readFileSync(join(root, 'docs', 'guide', 'debugging.md'), 'utf8');
  const reports = [...debug.matchAll(/`(RALLOC_W_\w+)`(?=[:,])/g)].map(([, code]) => code);
  const warnings = [...documented('RALLOC_'), ...reports];
  t.deepEqual(
    [...warnings, ...variables.filter((one) => one !== 'RALLOC_WRONG_VALUE')].sort(),
    named(/\bRALLOC_[A-Z_]+\b/g),
  );
});

/** What ERR_RALLOC_UNSUPPORTED names, by the file that throws it; those that pass on what the binary refuses are left out. */
const UNSUPPORTED = {
  'lib/admission/admission.js': /`attach\(\)` of `admission\(\)`/,
  'lib/arena/owner.js': /`body\(\)` and `chunks\(\)` of an arena/,
  'lib/budget/auto.js': /`maxBytes: 'auto'`/,
  'lib/debug/leaks/no-leaks.js': /a nested `noLeaks\(\)`/,
  'lib/debug/settings.js': /`verify\(\)` and `leakReport\(\)`/,
  'lib/memory/stats.js': /`sampleStats\(\)`/,
  'lib/nest.js': /`@Arena\(\)` in a message/,
  'lib/request/raw-body.js': /`rawBody\(\)` of a request/,
  'lib/request/request.js': /`req\.arena\.close\(\)`/,
  'lib/request/requests.js': /`arenas\.current\(\)`/,
  'lib/request/route.js': /`arenas\.route\(\)`/,
  'lib/site/memory.js': /`loadTable\(\)`/,
  'lib/slab/core.js': /`handle\(\)` of a slab that grows/,
  'lib/slab/shared.js': /^ {2}- named slabs on systems/m,
  'lib/slab/slab.js': /`close\(\)` of the default slab/,
};

test('ERR_RALLOC_UNSUPPORTED of docs/reference/errors.md names what each file refuses', (t) => {
  const [, section] = /^### `ERR_RALLOC_UNSUPPORTED`$([\s\S]*?)^### /m.exec(docs);
  const throwing = filesIn('lib').filter((file) => {
    if (/errors\.js$|[\\/]fallback[\\/]|[\\/]dist[\\/]/.test(file) || !file.endsWith('.js'))
      return false;
    return fs.readFileSync(file, 'utf8').includes("'ERR_RALLOC_UNSUPPORTED'");
  });
  const names = throwing.map((file) => relative(root, file).replaceAll('\\', '/'));
  t.deepEqual(names.sort(), Object.keys(UNSUPPORTED));
  for (const named of Object.values(UNSUPPORTED)) t.regex(section, named);
});

test('RallocErrorCode has all codes but that of arguments', (t) => {
  const types = fs.readFileSync(join(root, 'types', 'errors.d.ts'), 'utf8');
  const [, union] = /type RallocErrorCode =([^;]+);/.exec(types);
  const listed = union.match(/ERR_RALLOC_\w+/g);
  const others = Object.keys(codes).filter((code) => code !== 'ERR_RALLOC_INVALID_ARGUMENT');
  t.deepEqual(listed.sort(), others.sort());
});

test('RallocError has every property that docs/reference/errors.md promises', (t) => {
  const types = fs.readFileSync(join(root, 'types', 'errors.d.ts'), 'utf8');
  const [, body] = /class RallocError extends Error {([^}]+)}/.exec(types);
  for (const [, properties] of Object.values(thrown)) {
    for (const name of properties) t.regex(body, new RegExp(`readonly ${name}\\?:`));
  }
});

const oneSlot = () => new Slab({ sizes: [64], count: 1 });

/** Code → what throws it, with the properties that docs/reference/errors.md promises. */
const thrown = {
  ERR_RALLOC_INVALID_ARGUMENT: [() => new Arena().alloc(-1), []],
  ERR_RALLOC_LIMIT: [
    () => new Arena({ maxBytes: 10 }).alloc(11),
    ['requested', 'limit', 'used', 'option'],
  ],
  ERR_RALLOC_EXHAUSTED: [
    () => {
      const slab = oneSlot();
      for (let i = 0; i < 2; i++) slab.alloc(1);
    },
    ['requested', 'limit', 'used', 'option'],
  ],
  ERR_RALLOC_DOUBLE_FREE: [
    () => {
      const slab = oneSlot();
      const buffer = slab.alloc(1);
      for (let i = 0; i < 2; i++) slab.free(buffer);
    },
    [],
  ],
  ERR_RALLOC_FOREIGN_BUFFER: [() => oneSlot().free(Buffer.alloc(8)), []],
  ERR_RALLOC_STALE_TOKEN: [() => oneSlot().receive(5), []],
  ERR_RALLOC_IN_USE: [
    () => {
      const slab = oneSlot();
      slab.alloc(1);
      slab.close();
    },
    ['inUse'],
  ],
  // As the binary answers; slab/named-input.test.js has the causes, where processes can share
  // memory.
  ERR_RALLOC_SEGMENT_INVALID: [
    () => refuseSegment({ kind: 'invalid', used: 1, limit: 2, field: 'magic number' }),
    ['field', 'found', 'expected'],
  ],
  ERR_RALLOC_SEGMENT_VERSION: [
    () => refuseSegment({ kind: 'version', used: 1, limit: 2 }),
    ['found', 'expected'],
  ],
  ERR_RALLOC_SEGMENT_TIMEOUT: [() => refuseSegment({ kind: 'timeout', used: 5000 }), ['waitedMs']],
  ERR_RALLOC_MAP: [
    () => new Arena({ maxBytes: Number.MAX_SAFE_INTEGER }).alloc(2 ** 52),
    ['requested', 'syscall', 'errno', 'errnoCode'],
  ],
  ERR_RALLOC_ABORTED: [
    () => new Arena().collect(new PassThrough().destroy()),
    ['status', 'statusCode'],
  ],
  ERR_RALLOC_CLOSED: [() => allocClosed(new Arena()), []],
  ERR_RALLOC_STALE_CHECKPOINT: [() => new Arena().rewind(new Arena().checkpoint()), []],
  ERR_RALLOC_ESCAPED: [() => new Arena().scope((child) => child.alloc(1)), []],
  ERR_RALLOC_FRAMEWORK: [() => fastifyPlugin({ version: '4.0.0' }, {}), ['framework', 'version']],
  ERR_RALLOC_MOUNTED: [() => fastify().register(fastifyPlugin).register(fastifyPlugin).ready(), []],
  ERR_RALLOC_PROFILE_UNREADABLE: [() => Profile.read('none.jsonl'), ['file']],
  ERR_RALLOC_PROFILE_UNWRITABLE: [() => new Profile().write(join('none', 'none.jsonl')), ['file']],
  ERR_RALLOC_PROFILE_FOREIGN: [() => Profile.read(__filename), ['file']],
  ERR_RALLOC_PROFILE_DAMAGED: [() => Profile.read(cutOffProfile()), ['file']],
  ERR_RALLOC_PROFILE_RUNNING: [startTwice, []],
  ERR_RALLOC_PROFILE_VERSION: [
    () => Profile.from(Buffer.from('{"type":"block","format":200}')),
    ['found', 'expected'],
  ],
  ERR_RALLOC_TABLE_INVALID: [() => readTable(__filename), ['file']],
  ERR_RALLOC_TABLE_VERSION: [() => readTable(newerTable()), ['file', 'found', 'expected']],
  ERR_RALLOC_TABLE_FOREIGN: [() => loadTable(foreignTable(folder)), ['file', 'found', 'expected']],
  ERR_RALLOC_UNSUPPORTED: [() => defaultSlab.close(), []],
  ERR_RALLOC_MISUSE: [() => noLeaks(() => oneSlot()), ['reports']],
  ERR_RALLOC_DEAD_BUFFER: [() => writeDead(), []],
  ERR_RALLOC_CORRUPTED: [() => new LeasedArena(1 << 20, 1 << 16, false).hold(7, 7), []],
};

function allocClosed(arena) {
  arena.close();
  arena.alloc(1);
}

const folder = newFolder();
test.after.always(() => removeFolder(folder));

function cutOffProfile() {
  const file = join(folder, 'cut-off');
  fs.writeFileSync(file, '\n{"type":"blo');
  return file;
}

function newerTable() {
  const file = join(folder, 'newer.json');
  fs.writeFileSync(file, '{"format":"ralloc table","version":2}');
  return file;
}

function startTwice() {
  profiler.start({ file: join(folder, 'twice') });
  try {
    profiler.start();
  } finally {
    profiler.stop();
  }
}

function refuseSegment(failure) {
  throw segmentError(failure, "'/frames'", 0);
}

function writeDead() {
  const arena = new Arena({ guard: true });
  const buffer = arena.alloc(1);
  arena.reset();
  return promisify(fs.write)(2, buffer);
}

for (const code of Object.keys(codes)) {
  test(`${code} is thrown, with what docs/reference/errors.md promises`, async (t) => {
    const [act, properties] = thrown[code];
    const error = await t.throwsAsync(async () => act());
    t.is(error.code, code);
    for (const property of properties) {
      t.not(error[property], undefined, property);
      t.true(docs.includes(`\`${property}\``), property);
    }
  });
}

test('argument errors are real TypeErrors and RangeErrors, the rest are RallocErrors', (t) => {
  const arena = new Arena({ maxBytes: 100 });
  t.true(t.throws(() => arena.alloc('8')) instanceof TypeError);
  t.true(t.throws(() => arena.alloc(-1)) instanceof RangeError);
  t.false(t.throws(() => arena.alloc(-1)) instanceof RallocError);
  const error = t.throws(() => arena.alloc(1000));
  t.true(error instanceof RallocError);
  t.true(error instanceof Error);
  t.is(error.name, 'RallocError');
  t.true(String(error).startsWith('RallocError [ERR_RALLOC_LIMIT]: 1000 bytes'));
  t.regex(inspect(error), /RallocError/);
  t.regex(error.stack, /errors\.test\.js/);
});

test('instanceof RallocError holds between two copies of ralloc in a process', (t) => {
  const path = require.resolve('../../lib/base/errors.js');
  const mine = require.cache[path];
  delete require.cache[path];
  const copy = require('../../lib/base/errors.js');
  require.cache[path] = mine;
  t.not(copy.RallocError, RallocError);
  const error = t.throws(() => new Arena({ maxBytes: 10 }).alloc(11));
  t.true(error instanceof copy.RallocError);
  t.true(copy.closedError('It') instanceof RallocError);
  for (const value of [new Error('x'), null, undefined, 'text', {}]) {
    t.false(value instanceof RallocError);
  }
});

test("messages have Node's wording", (t) => {
  const arena = new Arena();
  const wordings = [
    [
      () => arena.alloc(-1),
      /^The value of "size" is out of range\. It must be an integer >= 0 and <= \d+\. Received -1$/,
    ],
    [
      () => arena.alloc('8'),
      `The "size" argument must be of type number. Received type string ('8')`,
    ],
    [() => arena.alloc(null), 'The "size" argument must be of type number. Received null'],
    [
      () => arena.alloc({}),
      'The "size" argument must be of type number. Received an instance of Object',
    ],
    [() => arena.reserve(Object.create(null)), /Received \[Object: null prototype\]/],
    [() => arena.alloc(function named() {}), /Received function named$/],
    [() => arena.alloc('x'.repeat(100)), /Received type string \('x{24}\.\.\.\)$/],
    [
      () => new Arena({ wipe: 1 }),
      'The "options.wipe" property must be of type boolean. Received type number (1)',
    ],
  ];
  for (const [act, message] of wordings) t.throws(act, { message });
});
