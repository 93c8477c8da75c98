'use strict';
// tier: run-time

// Buffers that outlive their request: each use that is refused is counted for the line that allocated them, and those that somebody keeps are found.

const test = require('ava');
const { APP, ROWS, ROWS_TEXT, told, tried } = require('../helpers/tried.js');

/** A program whose handler is `handler`, for so many requests, with what `after` does when they are over. */
const program = (handler, requests, after, options = '{}') => `'use strict';

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
  const main = program(
    'kept.push(rows(1000)); if (kept.length === 3) kept.push(others(1000));',
    3,
    `const codes = [
    failed(() => new PassThrough().write(kept[0])),
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
  const main = program(
    'kept.push(rows(1000).subarray(5));',
    2,
    'for (const view of kept) failed(() => new Arena().from(view)); console.log(1);',
  );
  const { stderr } = await tried(t, { files: { ...FILES, 'app.js': main } }).auto();
  t.regex(dead(stderr)[0], /^rows\.js:1:30 rows: 2 uses of dead Buffers\. /);
});

test('the threads and processes of a command are added up', async (t) => {
  const main = `${program(
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
  const main = program('kept.push(rows(65536)); others(65536);', 40, 'console.log(kept.length);');
  const app = tried(t, { files: { ...FILES, 'app.js': main }, sites: [ROWS, OTHERS] });
  const { stderr } = await app.auto();
  t.deepEqual(kept(stderr), ['rows.js:1:30 rows: kept past its response: 3 of 3 looked at']);
});

test('Buffers that nobody keeps are not, and neither are those that their request still has', async (t) => {
  const none = program('rows(65536); others(65536);', 40, 'console.log(0);');
  const app = tried(t, { files: { ...FILES, 'app.js': none }, sites: [ROWS, OTHERS] });
  t.deepEqual(kept((await app.auto()).stderr), []);
  const exits = program('kept.push(rows(65536)); process.exit(0);', 1, '');
  const early = await tried(t, { files: { ...FILES, 'app.js': exits } }).auto();
  t.is(early.code, 0);
  t.deepEqual(kept(early.stderr), []);
});

test('a program without such Buffers is told nothing', async (t) => {
  const { stderr } = await tried(t, { files: { 'app.js': APP, 'rows.js': ROWS_TEXT } }).auto();
  t.is(told(stderr).length, 1);
});
