'use strict';
// tier: run-time, differs

// RSS in parts that add up to it: each plants so much of one kind, and the split finds it there.

const test = require('ava');
const { backend } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');

const MB = 1e6;
const isLinux = process.platform === 'linux';

let seen;
/** `{ before, after }` of each kind, planted by a program one after another. */
async function planted(t) {
  seen ??= run('process/splits.js', { execArgv: ['--expose-gc'] });
  const { code, stderr, result } = await seen;
  t.is(code, 0, stderr);
  return result;
}

/** Kind -> how many bytes are planted, and how far off the part may be: the kernel counts in batches, V8 in pages. */
const PLANTED = {
  buffers: ['Buffers that live', 100 * MB],
  heapUsed: ['objects of the heap', 60 * MB],
  ralloc: ['an arena, a slab that grows, one that does not, and a region', 80 * MB],
  garbage: ['Buffers that came since the last collection', 50 * MB],
  zlib: ['open streams of node:zlib', 26 * MB],
  native: ['keys of node:crypto', 30 * MB],
};

for (const [kind, [title, bytes]] of Object.entries(PLANTED)) {
  const isKnown = isLinux && (kind !== 'ralloc' || backend === 'native'); // the fallback has ArrayBuffers
  testWhere(
    isKnown,
    'Linux, and memory of its own',
    `${title} are found as ${kind}, and nowhere else`,
    async (t) => {
      const { before, after } = (await planted(t))[kind];
      const grown = Object.keys(after.parts).map((one) => [
        one,
        (after.parts[one] ?? 0) - (before.parts[one] ?? 0),
      ]);
      t.log(Object.fromEntries(grown.map(([one, by]) => [one, Math.round(by / MB)])));
      for (const [one, by] of grown) {
        if (one === kind) t.true(Math.abs(by - bytes) < bytes / 10 + 6 * MB, `${one} ${by}`);
        else t.true(by < 12 * MB, `${one} ${by}`);
      }
    },
  );
}

test('the parts add up to RSS, and none is less than 0', async (t) => {
  for (const { before, after } of Object.values(await planted(t))) {
    for (const { rss, parts } of [before, after]) {
      t.is(
        Object.values(parts).reduce((sum, bytes) => sum + (bytes ?? 0), 0),
        rss,
      );
      t.true(Object.values(parts).every((bytes) => bytes === undefined || bytes >= 0));
    }
  }
});

testWhere(
  isLinux,
  'Linux',
  'at rest, native is what no other part explains of smaps',
  async (t) => {
    const { after, anonymous } = (await planted(t)).heapUsed;
    const { code: _, native, ...known } = after.parts;
    const others = Object.values(known).reduce((sum, bytes) => sum + (bytes ?? 0), 0);
    t.true(Math.abs(anonymous - others - native) < 10 * MB, JSON.stringify({ anonymous, after }));
  },
);

testWhere(isLinux, 'Linux', 'what a trim gave back is kept no more', async (t) => {
  const { mallocKept } = await planted(t);
  if (mallocKept === undefined) return t.pass('not with this C library');
  const { before, after } = mallocKept;
  t.true(before.parts.mallocKept - after.parts.mallocKept > 10 * MB, JSON.stringify(mallocKept));
  t.true(before.rss - after.rss > 10 * MB);
  return undefined;
});
