'use strict';

// tier: tools

// Patterns: what several figures of a profile say together, and what a healthy program has instead.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { encodeMemory } = require('../../../tools/recorder/block.js');
const { folder } = require('../../helpers/folder.js');
const { ralloc } = require('../../helpers/profile.js');
const { recording, reportOf, site } = require('../../helpers/recorded.js');

const MB = 1e6;
const AT = ['make /app/make.js:3:4'];

/**
 * The findings of a recording of `behaviours`, in which a process had `waiting`, and has grown by
 * objects of `heap` bytes.
 */
function findingsOf(behaviours, { waiting = [], requests, heap = 0, peak = 600 } = {}) {
  const blocks = recording({ behaviours }).map((block) => ({ ...block, requests, number: 1 }));
  const grown = { heap, buffers: 0 };
  const memory = { pid: 4242, start: 50 * MB, peak: peak * MB, end: 90 * MB, grown, addons: [] };
  const rows = waiting.map((row) => ({ source: 'a', count: 6, oldestMs: 40_000, ...row }));
  return reportOf(blocks, encodeMemory({ ...memory, waiting: rows })).findings;
}

const PROGRAM = `
const part = Buffer.alloc(65536);
let body;
function append() {
  body = Buffer.concat([body, part]);
}
function once() { return Buffer.concat(Array.from({ length: 40 }, () => part)); }
for (let left = 40; left > 0; left--) {
  body = Buffer.alloc(0);
  for (let i = 0; i < 40; i++) append();
  for (let i = 0; i < 20; i++) once();
}
`;

test('a line that appends by concat is told, one that joins a list at once is not', async (t) => {
  const cwd = folder(t);
  fs.writeFileSync(path.join(cwd, 'app.js'), PROGRAM);
  await ralloc(['profile', '-o', 'app.jsonl', '--', process.execPath, 'app.js'], { cwd });
  const { stdout } = await ralloc(['report', '--json', 'app.jsonl'], { cwd });
  const appending = JSON.parse(stdout).findings.filter(({ kind }) => kind === 'append');
  t.deepEqual(
    appending.map(({ line }) => line),
    [5],
  );
  t.regex(appending[0].says, /^appends by concat: app\.js:5 append\(\) copied .+ n²$/);
  // No diff: whether something reads the whole in between, as a parser does, is not known.
  t.regex(appending[0].now.join('\n'), /^keep the parts .+ Buffer\.concat\(parts\) once/);
});

const KEPT = { site: site('Buffer.alloc', AT), size: 60_000, perSecond: 10 * MB };

test('what waits in queues of slow readers is told with its line, and explains why that is retained', (t) => {
  const waiting = [{ kind: 'responses', bytes: 180 * MB, largest: 40 * MB }];
  const [first, ...others] = findingsOf([KEPT], { waiting });
  t.is(first.kind, 'waits');
  t.regex(
    first.says,
    /180 MB wait in the write queues of 6 responses, made at make\.js:3 make\(\), 40 MB in the largest, since 40 s$/,
  );
  t.regex(first.now[0], /^wait for the reader: stream\.pipeline\(\) does/);
  t.deepEqual(
    others.map(({ kind }) => kind),
    [],
  );
});

test('large messages that wait for a moment are no backlog', (t) => {
  const kindOf = (bytes, oldestMs) =>
    findingsOf([KEPT], {
      waiting: [{ kind: 'http2', bytes, largest: 4 * MB, oldestMs }],
      peak: 200,
    })[0].kind;
  t.not(kindOf(60 * MB, 999), 'waits');
  t.is(kindOf(60 * MB, 1000), 'waits');
  t.is(kindOf(70 * MB, 999), 'waits', 'so much is one, however young');
});

test('answers of several sizes wait whole, however long, until there are many', (t) => {
  const small = { ...KEPT, perSecond: 9 * MB };
  const large = { ...KEPT, size: 4 * MB, perSecond: 1 * MB };
  const kindOf = (bytes, largest) =>
    findingsOf([small, large], { waiting: [{ kind: 'http2', bytes, largest }], peak: 200 })[0].kind;
  t.not(kindOf(60 * MB, 4 * MB), 'waits');
  t.is(kindOf(70 * MB, 4 * MB), 'waits');
  t.is(kindOf(60 * MB, 12 * MB), 'waits', 'a queue of several');
});

test('a short queue at each of many readers is no backlog', (t) => {
  const waiting = [{ kind: 'responses', count: 600, bytes: 40 * MB, largest: 65_536 }];
  t.not(findingsOf([KEPT], { waiting })[0].kind, 'waits');
});

test('messages behind a reader that takes nothing are told with the line that makes them', (t) => {
  const row = { kind: 'upgraded', bytes: 2 * MB, largest: 400_000 };
  const [first, ...others] = findingsOf([KEPT], { waiting: [row] });
  t.is(first.kind, 'queued');
  t.regex(
    first.says,
    /written to 6 upgraded connections has waited for 40 s, and make\.js:3 make\(\) keeps 200 MB of the 200 MB/,
  );
  t.regex(first.now.join('\n'), /^before each message.+\n.*ralloc profile .+\n.*ralloc holders/);
  t.is(others.length, 0);
  const isTold = (behaviour, waiting) =>
    findingsOf([behaviour], { waiting: [waiting] }).some(({ kind }) => kind === 'queued');
  t.false(isTold(KEPT, { ...row, oldestMs: 500 }));
  t.false(isTold({ ...KEPT, lives: [[1, 30]] }, row), 'nothing is retained');
});

test('answers of another server that objects are made of at once are told, if those have grown', (t) => {
  const chunks = { site: site('net', [], 'GET /'), size: 65_536, perSecond: 50 * MB };
  const young = { ...chunks, lives: [[1, 30]], route: true };
  const kinds = (requests, heap) => findingsOf([young], { requests, heap }).map(({ kind }) => kind);
  t.is(kinds(60, 90 * MB)[0], 'answers');
  t.false(kinds(60, 1 * MB).includes('answers'));
  t.false(kinds(60_000, 90 * MB).includes('answers'), 'they are small');
});

test('many open streams of zlib are told, a few are not', (t) => {
  const row = { kind: 'zlib', bytes: 130 * MB, largest: 218_000 };
  const of = (count) => findingsOf([], { waiting: [{ ...row, count }] }).map(({ kind }) => kind);
  t.true(of(600).includes('streams'));
  t.false(of(6).includes('streams'));
});

test('a cache without a bound grows with the requests; what is loaded once at the start does not', (t) => {
  const kept = { ...KEPT, route: true };
  const [first] = findingsOf([kept], { requests: 2000 });
  t.is(first.kind, 'unbounded');
  t.regex(
    first.says,
    /keeps 200 MB of the 200 MB that it allocated, 100 kB more for each of 2000 requests$/,
  );
  t.regex(
    first.now.join('\n'),
    /^if nothing bounds .+\nif a view .+\n.*ralloc profile .+\n.*ralloc holders/,
  );
  const once = { ...kept, share: (slot) => (slot === 0 ? 1 : 0) };
  t.false(findingsOf([once], { requests: 2000 }).some(({ kind }) => kind === 'unbounded'));
});

test('lines that allocate as much and as often as each other copy one body', (t) => {
  const young = { lives: [[1, 30]], size: 5 * MB, perSecond: 50 * MB, route: true };
  const chunks = { ...young, site: site('http', [], 'POST /'), size: 65_536 };
  const copy = (line) => ({ ...young, site: site('Buffer.from', [`f /app/f.js:${line}:1`]) });
  const kinds = (behaviours) => findingsOf(behaviours).map(({ kind }) => kind);
  t.true(kinds([chunks, copy(3), copy(4)]).includes('copies'));
  t.false(kinds([chunks, copy(3)]).includes('copies'));
  t.false(kinds([chunks, copy(3), { ...copy(4), size: 9 * MB }]).includes('copies'));
  const scratch = { ...young, site: site('Buffer.alloc', ['f /app/f.js:5:1']) };
  t.false(kinds([chunks, copy(3), scratch]).includes('copies'));
});
