'use strict';
// tier: tools

// What differs within requests, and is told: calls that Buffer answers, arenas that are full, a
// program that ends its Buffers before the response; and programs with hooks of their own.

const test = require('ava');
const { told, tried, APP, ROWS, ROWS_TEXT } = require('../../helpers/tried.js');

/** A program whose requests are handled by `handler`, and tells what became of them. */
const program = (handler, options, requests = 2) => `'use strict';

const { serve } = require('./serve.js');
const { rows } = require('./rows.js');

serve(async (req, res) => {
  try {
    ${handler}
    res.end('done');
  } catch (error) {
    res.end(error.code);
  }
}, ${requests}, ${options}).then((answers) => console.log(JSON.stringify(answers.map(String))));
`;

async function run(t, handler, options) {
  const app = tried(t, { files: { 'app.js': program(handler, options) } });
  const { code, result, stderr } = await app.auto();
  t.is(code, 0, stderr);
  return { result, lines: told(stderr) };
}

test('over the limit of a request a line gets Buffers of Node', async (t) => {
  const { result, lines } = await run(
    t,
    'res.write(rows((1 << 20) + 1).length + " ");',
    '{ maxBytesPerRequest: 1 << 20 }',
  );
  t.deepEqual(result, ['1048577 done', '1048577 done']);
  t.deepEqual(lines, [
    "0 of 1 site was active: 0 Buffers (0 B) from arenas of requests, 2 of V8's heap, as the arenas were full, 0 outside of requests",
  ]);
});

test('what Buffer refuses throws as it does, and is told beside the others', async (t) => {
  const { result, lines } = await run(t, "rows(65536); rows('many');", '{}');
  t.deepEqual(result, ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE']);
  t.deepEqual(lines, [
    '1 of 1 site was active: 2 Buffers (128 KiB) from arenas of requests, 0 outside of requests',
    'rows.js:1:30 rows: 2 calls within requests went to Buffer: the size is no integer, the value is an ArrayBuffer or a list, or Buffer refused it',
  ]);
});

test('what requests get of the heap, as the arenas are full, is not counted as theirs', async (t) => {
  const { lines } = await run(
    t,
    `const mine = Array.from({ length: 10 }, () => rows(65536));
    if (req.url !== '/inner') await (await fetch('http://' + req.headers.host + '/inner')).text();
    res.write(String(mine.length));`,
    '{ maxBytes: 1 << 20, maxBytesPerRequest: 1 << 20 }',
  );
  const [, given, heap] =
    /^1 of 1 site was active: (\d+) Buffers \(.*\) from arenas of requests, (\d+) of V8's heap, as the arenas were full, 0 outside/.exec(
      lines[0],
    ) ?? [];
  t.is(Number(given) + Number(heap), 40, lines[0]);
  t.true(Number(given) >= 20 && Number(given) <= 32, lines[0]);
});

test('a program that resets the arena of a request itself is told that Buffers end there', async (t) => {
  const { result, lines } = await run(
    t,
    `const mine = rows(65536);
    const mark = req.arena.checkpoint();
    const behind = rows(65536);
    req.arena.rewind(mark);
    const lengths = [mine.length, behind.length];
    req.arena.reset();
    res.write([...lengths, mine.length].join() + ' ');`,
    '{}',
  );
  t.deepEqual(result, ['65536,0,0 done', '65536,0,0 done']);
  t.is(
    lines[1],
    "The program called reset() or rewind() of requests' arenas, 4 times: Buffers of these lines end there too",
  );
});

test('arenas that a program made itself may be reset', async (t) => {
  const { lines } = await run(
    t,
    "rows(65536); const own = new (require('ralloc').Arena)(); own.from('a'); own.reset(); own.close();",
    '{}',
  );
  t.is(lines.length, 1, lines.join('\n'));
});

const HOOKS = `import { register } from 'node:module';
register('data:text/javascript,export const load = async (url, context, next) => next(url, context)');
`;

for (const [what, command] of [
  ['before it runs', ['--import', './hooks.mjs', 'app.js']],
  ['itself', ['app.mjs']],
  ['by --loader', ['--no-warnings', '--loader', './hooks.mjs', 'app.js']],
]) {
  test(`a program that registers hooks ${what} runs, and its lines are changed`, async (t) => {
    const files = {
      'app.js': program('rows(65536);', '{}'),
      'hooks.mjs': HOOKS,
      'app.mjs': "import './hooks.mjs';\nawait import('./app.js');\n",
    };
    const app = tried(t, { files });
    const { code, stdout, stderr } = await app.trial([], [process.execPath, ...command]);
    t.is(code, 0, stderr);
    t.is(stdout.trim(), '["done","done"]', stderr);
    t.regex(told(stderr)[0], /^1 of 1 site was active: 2 Buffers/, stderr);
  });
}

// Buffers that outlive their request: each use that is refused is counted for the line that
// allocated them, and those that somebody keeps are found.

/**
 * A program whose handler is `handler`, for so many requests, with what `after` does when they are
 * over.
 */
const programOfDead = (handler, requests, after, options = '{}') => `'use strict';

const { PassThrough } = require('node:stream');
const { Arena } = require('ralloc');
const { serve } = require('./serve.js');
const { rows } = require('./rows.js');
const { others } = require('./others.js');

globalThis.kept = [];
const failed = (act) => {
  try {
    act();
  } catch ({ code }) {
    return code;
  }
};
serve((req, res) => {
  ${handler}
  res.end('done');
}, ${requests}, ${options}).then(() => {
  ${after}
});
`;

const FILES = { 'others.js': 'exports.others = (n) => Buffer.allocUnsafe(n);\n' };
const OTHERS = { ...ROWS, file: 'others.js', name: 'others' };

const dead = (stderr) => told(stderr).filter((line) => line.includes('dead'));
const kept = (stderr) => told(stderr).filter((line) => line.includes('kept'));

test('uses of dead Buffers are counted by the line that allocated them', async (t) => {
  const main = programOfDead(
    'kept.push(rows(1000)); if (kept.length === 3) kept.push(others(1000));',
    3,
    `const codes = [
    failed(() => {
      const through = new PassThrough();
      through.write(kept[0]);
      throw through.errored;
    }),
    failed(() => new Arena().from(kept[1])),
    failed(() => new Arena().concat([kept[1]])),
    failed(() => new Arena().copyOut(kept[3])),
    failed(() => new Arena().from(Buffer.alloc(5))),
  ];
  console.log(JSON.stringify(codes));`,
  );
  const app = tried(t, { files: { ...FILES, 'app.js': main }, sites: [ROWS, OTHERS] });
  const { code, result, stderr } = await app.auto();
  t.is(code, 0, stderr);
  t.deepEqual(result, [...new Array(4).fill('ERR_RALLOC_DEAD_BUFFER'), null]);
  const advice = 'Take copyOut(buffer), or hold() it';
  t.deepEqual(dead(stderr), [
    `others.js:1:32 others: 1 use of dead Buffers, of this line or of another one of the same requests. ${advice}`,
    `rows.js:1:30 rows: 4 uses of dead Buffers, 1 of them of this line or of another one of the same requests. ${advice}`,
  ]);
});

test('views of such Buffers count for their line', async (t) => {
  const main = programOfDead(
    'kept.push(rows(1000).subarray(5));',
    2,
    'for (const view of kept) failed(() => new Arena().from(view)); console.log(1);',
  );
  const { stderr } = await tried(t, { files: { ...FILES, 'app.js': main } }).auto();
  t.regex(dead(stderr)[0], /^rows\.js:1:30 rows: 2 uses of dead Buffers\. /);
});

test('the threads and processes of a command are added up', async (t) => {
  const main = `${programOfDead(
    'kept.push(rows(65536));',
    1,
    'failed(() => new Arena().from(kept[0])); console.log(1);',
  )}
const { Worker, isMainThread } = require('node:worker_threads');
if (isMainThread) {
  new Worker(__filename);
  if (process.argv.length === 2) require('node:child_process').fork(__filename, ['child']);
}
`;
  const { code, stderr } = await tried(t, { files: { ...FILES, 'app.js': main } }).trial();
  t.is(code, 0, stderr);
  t.regex(dead(stderr)[0], /^rows\.js:1:30 rows: 4 uses of dead Buffers\. /);
});

test('Buffers that somebody keeps are found at the end', async (t) => {
  const main = programOfDead(
    'kept.push(rows(65536)); others(65536);',
    40,
    'console.log(kept.length);',
  );
  const app = tried(t, { files: { ...FILES, 'app.js': main }, sites: [ROWS, OTHERS] });
  const { stderr } = await app.auto();
  t.deepEqual(kept(stderr), ['rows.js:1:30 rows: kept past its response: 3 of 3 looked at']);
});

test('Buffers that nobody keeps are not, and neither are those that their request still has', async (t) => {
  const none = programOfDead('rows(65536); others(65536);', 40, 'console.log(0);');
  const app = tried(t, { files: { ...FILES, 'app.js': none }, sites: [ROWS, OTHERS] });
  t.deepEqual(kept((await app.auto()).stderr), []);
  const exits = programOfDead('kept.push(rows(65536)); process.exit(0);', 1, '');
  const early = await tried(t, { files: { ...FILES, 'app.js': exits } }).auto();
  t.is(early.code, 0);
  t.deepEqual(kept(early.stderr), []);
});

test('a program without such Buffers is told nothing', async (t) => {
  const { stderr } = await tried(t, { files: { 'app.js': APP, 'rows.js': ROWS_TEXT } }).auto();
  t.is(told(stderr).length, 1);
});
