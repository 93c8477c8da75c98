'use strict';
// tier: tools

// The command line of the demo, and who takes part.

const test = require('ava');
const { FLAG, contenders } = require('../../demo/contenders.js');
const { parse, UsageError } = require('../../demo/options.js');
const { runDemo } = require('../helpers/demo.js');

test('four mixes over Express, and what --all, --fallback, --mix and --server make of them', (t) => {
  const four = ['frame', 'ingest', 'serve', 'json'];
  const seven = ['frame', 'ingest', 'digest', 'upload', 'proxy', 'serve', 'json'];
  const five = ['express', 'http', 'fastify', 'koa', 'hono'];
  for (const [args, mixes, servers] of [
    [[], four, ['express']],
    [['--all'], seven, five],
    [['--all', '--mix', 'digest'], ['digest'], five],
    [['--all', '--server', 'koa'], seven, ['koa']],
    [['--server=http'], four, ['http']],
    [['--fallback'], ['frame', 'ingest', 'serve'], ['express']],
    [['--fallback', '--mix', 'json'], ['json'], ['express']],
  ]) {
    t.like(parse(args), { mixes, servers, node: null, port: 0 });
  }
  for (const more of ['tenants', 'group'])
    t.like(parse(['--flood', `--${more}`]), { flood: true, [more]: true });
});

for (const [args, message] of [
  [
    ['--mix', 'soup'],
    '--mix must be one of frame, ingest, digest, upload, proxy, serve, json, not "soup"',
  ],
  [['--mix'], '--mix needs a value'],
  [
    ['--server', 'restify'],
    '--server must be one of express, http, fastify, koa, hono, not "restify"',
  ],
  [['--backend', 'wasm'], '--backend must be one of native, js, not "wasm"'],
  [['--blocks', '1'], '--blocks must be a whole number from 2 to 1000, not "1"'],
  [['--seconds', ''], '--seconds must be a number from 0.05 to 3600, not ""'],
  [['--port', '70000'], '--port must be a whole number from 1 to 65500, not "70000"'],
  ...[['--all'], ['--backend', 'js']].map((more) => [
    ['--fallback', ...more],
    '--fallback compares both backends, and goes without --all and --backend',
  ]),
  [['--flood', '--json'], /flood/],
  [['--flood', '--group', '--tenants'], /flood/],
  [['--group'], /flood/],
  [['--fast'], 'unknown option --fast'],
  [['frame'], 'unknown option frame'],
]) {
  test(`bad: ${args.join(' ')}`, (t) => {
    t.throws(() => parse(args), { instanceOf: UsageError, message });
  });
}

test('a --node that is nothing is told in one line, with exit code 2', async (t) => {
  const { code, stdout, stderr } = await runDemo(['--node', './none']);
  t.deepEqual([code, stdout], [2, '']);
  t.regex(stderr, /^--node: "\.\/none" is neither a program.*\n$/);
});

const [major, minor] = process.versions.v8.split('.').map(Number);
const number = 100 * major + minor;
const hasFlag = number >= 1306 && number < 1408;
const flagged = hasFlag ? ['allocUnsafe + flag'] : [];
const named = (list) => list.map(({ name }) => name);

test("by default V8's flag is a rival where this Node has it, and nothing is said where it has not", (t) => {
  const { able, unable } = contenders(process.execPath);
  t.deepEqual(named(able), ['allocUnsafe', ...flagged, 'ralloc', 'pool']);
  t.deepEqual(unable, []);
  for (const { allocator, execArgv } of able.filter(({ name }) => flagged.includes(name)))
    t.deepEqual([allocator, execArgv], ['allocUnsafe', [FLAG]]);
});

test('with --all ralloc has it too, and who cannot take part is told; --fallback compares the backends alone', (t) => {
  const { able, unable } = contenders(process.execPath, { all: true });
  for (const name of ['allocUnsafe + flag', 'ralloc + flag'])
    t.deepEqual([named(able).includes(name), unable.includes(name)], [hasFlag, !hasFlag]);
  const backends = contenders(process.execPath, { fallback: true });
  t.deepEqual([named(backends.able), backends.unable], [['ralloc', 'ralloc-js'], []]);
});
