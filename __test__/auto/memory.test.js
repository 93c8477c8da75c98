'use strict';
// tier: tools, differs, long

// The first lines of RALLOC_AUTO=report: which memory it is.

const path = require('node:path');
const test = require('ava');
const { backend } = require('../..');
const { mallocKept } = require('../../lib/memory/native.js');
const { grownAtPeak, grownBy, linesOf, verdictOf } = require('../../lib/process/verdict.js');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { calledIn } = require('../helpers/cli.js');
const { folder } = require('../helpers/folder.js');
const { ralloc } = require('../helpers/profile.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const isLinux = process.platform === 'linux';
const isGlibc = (mallocKept?.() ?? null) !== null;

async function toldOf(t, plant) {
  const { code, stderr } = await run('auto/plant.js', {
    args: [plant],
    execArgv: ['--expose-gc', '--require', PRELOAD],
    env: { RALLOC_AUTO: 'report' },
  });
  t.is(code, 0, stderr);
  return stderr.split('\n').filter((line) => line.startsWith('ralloc: memory: '));
}

const KINDS = {
  buffers: [/Buffers that live$/, /npx ralloc profile, and its report, say/],
  heap: [/objects of V8's heap$/, /heap snapshots/],
  garbage: [
    /dead Buffers and objects that V8 has not collected, no leak$/,
    /collects at rest/,
    backend === 'native',
  ], // the fallback makes V8 collect as Buffers come
  native: [/native memory/, /ralloc cannot help here/],
  zlib: [/streams of node:zlib that are open$/, /permessage-deflate/],
  mallocKept: [/freed, and kept by malloc, no leak$/, /MALLOC_ARENA_MAX/, isGlibc],
  ralloc: [/arenas, slabs and regions of ralloc$/, /stats\(\)/, backend === 'native'],
};

for (const [plant, [what, now, isKnown = true]] of Object.entries(KINDS)) {
  testWhere(
    isLinux && isKnown,
    'Linux',
    `${plant}: what has grown is named, and what helps`,
    async (t) => {
      const [first, ...others] = await toldOf(t, plant); // of the peak, too, where V8 saw it alive
      t.regex(first, /at first, \S+ \wi?B at most, \S+ \wi?B in the end: \S+ \wi?B more are /);
      t.regex(first, what);
      t.regex(others.join('\n'), now);
    },
  );
}

testWhere(
  isLinux && backend === 'native', // the fallback makes V8 collect as Buffers come
  'Linux',
  'what has waited for a client that did not read is told, though the client is gone',
  async (t) => {
    const lines = await toldOf(t, 'queue');
    t.regex(lines.join('\n'), /\d+\.\d MiB (?:more are|of the peak were) Buffers that live$/m);
  },
);

testWhere(
  isLinux,
  'Linux',
  'a program that allocates much and keeps nothing: nothing unusual',
  async (t) => {
    const lines = await toldOf(t, 'nothing');
    t.is(lines.length, 1);
    t.regex(lines[0], /: nothing unusual$/);
  },
);

const MiB = 2 ** 20;
const split = (parts) => ({ rss: 0, parts: { code: 0, native: 0, ...parts } });

test('what a trim gave back was native only as long as malloc did not tell', (t) => {
  const start = split({ native: 10 * MiB });
  const end = split({ native: 210 * MiB });
  t.is(verdictOf(grownBy({ start, end, given: 170 * MiB })).kind, 'mallocKept');
  t.like(grownBy({ start, end, given: 170 * MiB }), { mallocKept: 170 * MiB, native: 30 * MiB });
  t.is(
    verdictOf(grownBy({ start, end, given: 0 }), ['sharp.node']).what,
    'native memory, of addons perhaps (sharp.node)',
  );
});

test('what malloc keeps is usual with less garbage than a healthy server of large bodies has', (t) => {
  const kindOf = (mallocKept, garbage) =>
    verdictOf({ mallocKept: mallocKept * MiB, garbage: garbage * MiB }).kind;
  t.is(kindOf(90, 37), undefined);
  t.is(kindOf(90, 38), 'mallocKept');
  t.is(kindOf(47, 95), undefined, 'with more of it, the garbage itself is unusual');
});

test('of addons that have memory, malloc keeps what each takes when it begins', (t) => {
  const kindOf = (mallocKept, native, ...addons) =>
    verdictOf({ mallocKept: mallocKept * MiB, garbage: 0, native: native * MiB }, addons).kind;
  t.is(kindOf(63, 16, 'a.node'), undefined);
  t.is(kindOf(64, 16, 'a.node'), 'mallocKept');
  t.is(kindOf(95, 48, 'a.node', 'b.node', 'c.node'), undefined);
  t.is(kindOf(96, 48, 'a.node', 'b.node', 'c.node'), 'mallocKept');
  t.is(kindOf(96, 15, 'a.node'), undefined, 'it has none');
});

test('where malloc does not tell what it keeps, native memory may be that', (t) => {
  const [start, end] = [split({ native: 0 }), split({ native: 100 * MiB })];
  const { kind, what } = verdictOf(grownBy({ start, end }), ['a.node']);
  t.is(kind, 'native');
  t.is(what, 'native memory, or freed and kept by malloc, of addons perhaps (a.node)');
  t.is(verdictOf(grownBy({ start, end, given: 0 })).what, 'native memory');
});

test('of dead Buffers, what the collection leaves to malloc is not told twice', (t) => {
  const start = split({ buffers: 0 });
  const end = split({ buffers: 150 * MiB });
  const swept = split({ buffers: 0, native: 150 * MiB });
  const grown = grownBy({ start, end, swept, given: 150 * MiB });
  t.like(grown, { garbage: 150 * MiB, mallocKept: 0, native: 0 });
});

test('what a collection gives back outside of the heap is garbage, as the pool of V8 is', (t) => {
  const start = { ...split({ native: 0 }), rss: 50 * MiB };
  const end = { ...split({ native: 200 * MiB }), rss: 250 * MiB };
  const swept = { ...split({ native: 20 * MiB }), rss: 70 * MiB };
  t.like(grownBy({ start, end, swept, given: 190 * MiB }), {
    ...{ garbage: 180 * MiB, mallocKept: 10 * MiB, native: 10 * MiB },
  });
});

test('what was there only under load is told as of the peak', (t) => {
  const start = split({ buffers: 0, heapUsed: 10 * MiB });
  const end = { ...split({ mallocKept: 170 * MiB }), rss: 70 * MiB };
  const grown = grownBy({ start, end });
  const high = (lived, parts = {}, rss = 400 * MiB) => {
    const peak = { ...split(parts), rss };
    const atPeak = grownAtPeak({ start, peak, end, lived: { heap: 0, buffers: 0, ...lived } });
    return verdictOf(grown, [], atPeak).ofPeak?.kind;
  };
  t.is(high({ buffers: 250 * MiB }), 'buffers');
  t.is(high({ heap: 250 * MiB }), 'heap');
  t.is(high({ buffers: 250 * MiB }, {}, 80 * MiB), 'buffers'); // malloc kept what they had
  t.is(high({}, { buffers: 300 * MiB }), 'garbage');
  t.is(high({}, { native: 300 * MiB }), 'native');
  t.is(high({}, { native: 300 * MiB }, 80 * MiB), undefined);
  const told = linesOf(
    { start: 1, peak: 3, end: 2, grown, atPeak: { buffers: 70 * MiB }, addons: [] },
    (bytes) => `${bytes} B`,
  );
  t.deepEqual(told.slice(0, 2), [
    `memory: 1 B at first, 3 B at most, 2 B in the end: ${170 * MiB} B more are freed, and kept by malloc, no leak`,
    `memory: ${70 * MiB} B of the peak were Buffers that live`,
  ]);
  t.is(told.length, 4);
});

test('Buffers without a collection are taken for alive', (t) => {
  const start = split({ buffers: 0 });
  const end = split({ buffers: 90 * MiB, garbage: 20 * MiB });
  t.is(verdictOf(grownBy({ start, end })).kind, 'buffers');
  t.is(verdictOf(grownBy({ start, end, swept: split({ buffers: MiB }) })).kind, 'garbage');
  t.is(verdictOf(grownBy({ start, end: split({ buffers: 40 * MiB }) })).kind, undefined);
});

test('what lived until a program ended by itself is alive, whatever a collection then finds', (t) => {
  const start = split({ buffers: 0, heapUsed: 10 * MiB });
  const end = split({ buffers: 150 * MiB, garbage: 10 * MiB, heapUsed: 90 * MiB });
  const swept = split({ buffers: MiB, heapUsed: 10 * MiB });
  const living = { buffers: 140 * MiB, heap: 70 * MiB };
  t.like(grownBy({ start, end, swept, given: 239 * MiB, living }), {
    ...{ buffers: 140 * MiB, heap: 60 * MiB, garbage: 40 * MiB, mallocKept: 0 },
  });
  const more = { buffers: 900 * MiB, heap: 0 };
  t.like(grownBy({ start, end, swept, living: more }), { buffers: 160 * MiB, heap: 0 });
});

test('a report of a profile begins with it, also of a merged one, and as JSON', async (t) => {
  const dir = folder(t);
  const [file, sum] = ['app.jsonl', 'sum.jsonl'].map((name) => path.join(dir, name));
  const plant = require.resolve('../fixtures/auto/plant.js');
  const ended = ({ code, stdout, stderr }) => {
    t.is(code, 0, stderr);
    return stdout;
  };
  const run = async (...args) => ended(await calledIn(dir, args));
  const command = [process.execPath, '--expose-gc', plant, 'heap'];
  ended(await ralloc(['profile', '-o', file, '--', ...command], { cwd: dir }));
  await run('merge', '-o', sum, file);
  const lines = (await run('report', '--no-code', file)).split('\n');
  if (isLinux) t.regex(lines[1], /^memory: .* more are objects of V8's heap$/);
  const { memory } = JSON.parse(await run('report', '--json', sum));
  t.is(memory.kind, 'heap');
  t.true(memory.grown.heap > 90e6 && memory.bytes === memory.grown.heap);
});
