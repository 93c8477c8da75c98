'use strict';

// tier: tools

// Advice that can be pasted: it names what the line has in scope, and nothing that could be dead, or written over, while somebody still uses it.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { encodeMemory } = require('../../../tools/recorder/block.js');
const { folder } = require('../../helpers/folder.js');
const { recording, reportOf, site } = require('../../helpers/recorded.js');

const MB = 1e6;

/** The first finding of a line that has this `code`, where it calls `at`; `memory`: what its process tells at its end. */
function foundAt(t, code, at, { source, memory, ...behaviour }) {
  const file = path.join(folder(t), 'app.js');
  fs.writeFileSync(file, code);
  const rows = code.split('\n');
  const line = rows.findIndex((row) => row.includes(at));
  const place = `f ${file}:${line + 1}:${rows[line].indexOf(at) + 1}`;
  const one = { size: 60_000, perSecond: 10 * MB, ...behaviour, site: site(source, [place]) };
  const blocks = recording({ behaviours: [one], start: Date.now() + 1000 });
  return reportOf(blocks, ...(memory ? [encodeMemory(memory)] : [])).findings[0];
}

const YOUNG = { lives: [[1, 30]], route: true };
const FETCHED = {
  ...{ source: 'Buffer.concat', size: 30 * MB, perSecond: 300 * MB },
  ...YOUNG,
};
const fetching = (request) => `const http = require('node:http');
http.createServer(async (${request}, res) => {
  const response = await fetch('http://127.0.0.1:1/');
  const body = Buffer.from(await response.arrayBuffer());
  res.end(body);
});
`;

test('the body of a fetch(): by the name that the request has, and a limit that fits', (t) => {
  const { now } = foundAt(t, fetching('_request'), 'response.arrayBuffer', FETCHED);
  t.is(now[0], '- const body = Buffer.from(await response.arrayBuffer());');
  t.regex(
    now[1],
    /^\+ const body = await _request\.arena\.collect\(response\.body, \{ limit: 32 \* 2 \*\* 20 \}\); \/\/ dead after the response; .+; behind requestArena\(\{ maxBytesPerRequest: 64 \* /,
  );
});

test('without a request in scope, or where bodies stay, no arena is advised for it', (t) => {
  for (const [code, behaviour] of [
    [fetching('message'), FETCHED],
    [fetching('req'), { ...FETCHED, lives: [[0.8, 30]] }],
  ]) {
    const { now } = foundAt(t, code, 'response.arrayBuffer', behaviour);
    t.false(
      now.some((row) => row.includes('arena')),
      now.join('\n'),
    );
  }
});

const CALLBACK = `exports.tell = (socket, timer) => timer.on('tick', async () => {
  socket.write(Buffer.alloc(60_000));
});
`;
const LOOP = `exports.tell = async (socket) => {
  while (!socket.destroyed) socket.write(Buffer.alloc(60_000));
};
`;
const SLOW = (kind) => ({
  source: 'Buffer.alloc',
  memory: {
    ...{ pid: 4242, start: 50 * MB, peak: 600 * MB, end: 90 * MB },
    ...{ grown: { heap: 0 }, addons: [] },
    waiting: [{ kind, source: 'a', count: 6, bytes: 180 * MB, largest: 40 * MB, oldestMs: 9000 }],
  },
});

test('nobody is cut off who was not seen to stop reading, and one Buffer in many queues is no growth', (t) => {
  const of = (kind, waits, memory) => {
    const { waiting, ...others } = SLOW(kind).memory;
    const row = { ...waiting[0], ...waits };
    return foundAt(t, CALLBACK, 'alloc', {
      ...SLOW(kind),
      memory: { ...others, ...memory, waiting: [row] },
    });
  };
  for (const kind of ['responses', 'http2', 'upgraded']) {
    const { kind: finding, now } = of(kind, { oldestMs: 400 });
    t.is(finding, 'waits');
    t.notRegex(now.join('\n'), /destroy|terminate/);
  }
  const small = { largest: 60_000 * 1.5, bytes: 100 * MB };
  t.not(of('responses', small, { start: 590 * MB }).kind, 'waits', 'RSS has grown by 10 MB');
});

/** The advice of a line that retains blocks. */
const pinned = (t, code, at) => {
  const behaviour = { source: 'Buffer.allocUnsafe', size: 64, perSecond: 40_000, pins: 90 * MB };
  const { kind, now } = foundAt(t, code, at, behaviour);
  t.is(kind, 'pin');
  return now.join('\n');
};

test('a line that retains blocks: a copy of what it sets, by its own name, and no code that is pasted before the bytes are there', (t) => {
  const late = "const token = Buffer.allocUnsafe(32);\nkeep(token);\ntoken.fill('a');\n";
  const now = pinned(t, late, 'allocUnsafe');
  t.regex(now, /^keep Buffer\.from\(new Uint8Array\(token\)\.buffer\) .+ after the last write/);
  t.notRegex(now, /^[+-]/m);
  const two = 'const head = Buffer.alloc(4), rest = Buffer.allocUnsafe(40);\n';
  t.regex(pinned(t, two, 'allocUnsafe'), /Array\(rest\)/);
  t.regex(pinned(t, 'this.head = Buffer.allocUnsafe(40);\n', 'allocUnsafe'), /Array\(this\.head\)/);
  const helper = 'const cut = (size) => Buffer.allocUnsafe(size);\n';
  t.regex(pinned(t, helper, 'allocUnsafe'), /Array\(part\)/, 'cut is a function');
});

test('the copy that is advised has memory of its own, and the same bytes', (t) => {
  const token = Buffer.from('a token');
  const copy = Buffer.from(new Uint8Array(token).buffer);
  t.deepEqual(copy, token);
  t.is(copy.buffer.byteLength, token.length);
});

const KEPT = { site: site('Buffer.alloc', ['f /app/f.js:1:1']), size: 60_000, perSecond: 10 * MB };

test('commands name the program from this folder on, and none where several were recorded', (t) => {
  const commandOf = (titles) => {
    const blocks = titles.flatMap((title) =>
      recording({ name: title, behaviours: [KEPT] }).map((block) => ({
        ...block,
        recorder: { ...block.recorder, title },
      })),
    );
    return reportOf(blocks)
      .findings.flatMap(({ now }) => now)
      .join('\n');
  };
  t.regex(commandOf([path.resolve('scripts/test.js')]), / -- node scripts\/test\.js$/m);
  t.regex(commandOf(['/app/gone.js']), / -- node .*gone\.js$/m);
  t.regex(commandOf(['/app/a.js', '/app/b.js']), / -- node PROGRAM$/m);
});

test('a writer waits only in an async function that nobody calls again meanwhile; a callback closes a client, and no child or socket', (t) => {
  const rowOf = (code, kind) => foundAt(t, code, 'alloc', SLOW(kind)).now[0];
  t.regex(
    rowOf(LOOP, 'sockets'),
    /^\+ if \(socket\.writableNeedDrain\) await once\(socket, 'drain'\);/,
  );
  t.regex(
    rowOf(CALLBACK, 'responses'),
    /^\+ socket\.setTimeout\(30_000, \(\) => socket\.writableLength > 0 && socket\.destroy\(\)\);/,
  );
  for (const kind of ['children', 'sockets', 'files']) t.notRegex(rowOf(CALLBACK, kind), /^\+/);
});

const ENDED = Buffer.from('"not known"\r\n');
const CONSTANT = { ...{ source: 'Buffer.from', size: ENDED.length, perSecond: 4 * MB }, ...YOUNG };

test('a constant Buffer is shared only where it is sent: what is kept may be written into', (t) => {
  const of = (code) => foundAt(t, code, 'from(', CONSTANT).now;
  const sent = of("const end = (res) => res.write(Buffer.from('a\\r\\n'));\n");
  t.deepEqual(sent.slice(1), [
    "- const end = (res) => res.write(Buffer.from('a\\r\\n'));",
    '+ const end = (res) => res.write(CONSTANT);',
  ]);
  const kept = of("const make = () => Buffer.from('a');\n");
  t.false(
    kept.some((row) => row.startsWith('+')),
    kept.join('\n'),
  );
  const other = of('const make = (text) => [Buffer.from(text)];\n');
  t.false(other.some((row) => row.includes('CONSTANT')));
});

test('a body is advised to be collected where the application does, and pumped where it passes on', (t) => {
  const chunks = { ...YOUNG, site: site('http', [], 'POST /'), size: 65_536, perSecond: 50 * MB };
  const reader = ['onEnd /app/node_modules/any-parser/index.js:3:4'];
  const copied = { ...YOUNG, site: site('Buffer.concat', reader), size: MB, perSecond: 50 * MB };
  const own = { ...copied, site: site('Buffer.concat', ['read /app/read.js:3:4']) };
  const nowOf = (behaviours, requests, memory) => {
    const blocks = recording({ behaviours }).map((block) => ({ ...block, requests, number: 1 }));
    const { findings } = reportOf(blocks, ...(memory ? [encodeMemory(memory)] : []));
    return findings.find(({ line }) => line === 'http POST /').now;
  };
  t.regex(
    nowOf([chunks, own])[0],
    /^\+ const body = await req\.arena\.body\(\{ limit: 1 \* 2 \*\* 20 \}\);.+maxBytesPerRequest: 16 /,
  );
  for (const kept of [
    { lives: [[0.9, 30]], route: true },
    {
      lives: [
        [0.7, 30],
        [0.3, 1500],
      ],
      route: true,
    },
    { pins: 90 * MB },
  ])
    t.deepEqual(nowOf([chunks, { ...own, ...kept }]), [], 'what it makes of them is kept');
  const some = nowOf([
    chunks,
    {
      ...own,
      lives: [
        [0.97, 30],
        [0.03, 1500],
      ],
    },
  ]);
  t.is(
    some[0],
    "3 % of these outlived their response, where an arena's are dead: copy what is kept",
  );
  t.regex(some[1], /\.arena\.body\(/);
  for (const lives of [
    YOUNG.lives,
    [
      [0.97, 30],
      [0.03, 1500],
    ],
  ])
    t.deepEqual(nowOf([{ ...chunks, lives }, copied]), [
      'the package any-parser reads these: nothing else may, see its line',
    ]);
  t.deepEqual(nowOf([chunks], 100), ['+ await pump(req, file); // if it is passed on as it comes']);
  t.deepEqual(nowOf([chunks], 1e4), [], 'of 100 KB each it gains nothing');
  const peak = (buffers) => ({
    ...{ pid: 1, start: 60 * MB, peak: 200 * MB, end: 100 * MB, addons: [], waiting: [] },
    ...{ grown: { heap: 0, buffers: 0, garbage: 0, mallocKept: 0 }, atPeak: { heap: 0, buffers } },
  });
  const kept = nowOf([chunks], 100, peak(100 * MB));
  t.regex(kept[0], /\.arena\.body\(/, 'a package may join them in an Uint8Array');
  t.regex(kept[1], /if it is passed on/);
  t.is(nowOf([chunks], 100, peak(10 * MB)).length, 1);
  const { atPeak: _, ...older } = peak(0);
  const grown = { ...older.grown, buffers: 500 * MB };
  t.is(nowOf([chunks], 100, { ...older, grown }).length, 1, 'of a recorder that told no peak');
});
