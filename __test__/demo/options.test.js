'use strict';
// tier: tools

const test = require('ava');
const { parse, UsageError } = require('../../demo/options.js');
const { fixturePath } = require('../helpers/child.js');
const { runDemo } = require('../helpers/demo.js');

test('by default four mixes over Express', (t) => {
  const { mixes, servers, node, port } = parse([]);
  t.deepEqual(mixes, ['frame', 'ingest', 'serve', 'json']);
  t.deepEqual(servers, ['express']);
  t.is(node, null);
  t.is(port, 0);
});

test('--all takes every mix and server, --mix and --server narrow it', (t) => {
  t.deepEqual(parse(['--all']).mixes, [
    'frame',
    'ingest',
    'digest',
    'upload',
    'proxy',
    'serve',
    'json',
  ]);
  t.deepEqual(parse(['--all']).servers, ['express', 'http', 'fastify', 'koa', 'hono']);
  t.deepEqual(parse(['--all', '--mix', 'digest']).mixes, ['digest']);
  t.deepEqual(parse(['--server=http']).servers, ['http']);
  t.deepEqual(parse(['--all', '--server', 'koa']).servers, ['koa']);
  t.deepEqual(parse(['--server=http']).mixes, parse([]).mixes);
});

test('--fallback compares the backends in the mixes that have Buffers', (t) => {
  t.like(parse(['--fallback']), { fallback: true, mixes: ['frame', 'ingest', 'serve'] });
  t.deepEqual(parse(['--fallback', '--mix', 'json']).mixes, ['json']);
  t.deepEqual(parse(['--fallback']).servers, ['express']);
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
  [['--blocks', '2.5'], '--blocks must be a whole number from 2 to 1000, not "2.5"'],
  [['--seconds', ''], '--seconds must be a number from 0.05 to 3600, not ""'],
  [['--port', '70000'], '--port must be a whole number from 1 to 65500, not "70000"'],
  ...[['--all'], ['--backend', 'js']].map((more) => [
    ['--fallback', ...more],
    '--fallback compares both backends, and goes without --all and --backend',
  ]),
  [['--fast'], 'unknown option --fast'],
  [['frame'], 'unknown option frame'],
]) {
  test(`bad: ${args.join(' ')}`, (t) => {
    t.throws(() => parse(args), { instanceOf: UsageError, message });
  });
}

for (const [what, args, message, env] of [
  ['a mix that is none', ['--mix', 'soup'], /^--mix must be one of frame, .* not "soup"/],
  ['a --node that is nothing', ['--node', './none'], /^--node: "\.\/none" is neither a program/],
  [
    'a --node that cannot be run',
    ['--node', __filename],
    // On Windows every file may be run.
    process.platform === 'win32'
      ? /^--node: ".*options\.test\.js" is not a working Node\.js/
      : /^--node: ".*options\.test\.js" is neither/,
  ],
  [
    'a Node.js too old to be fetched',
    ['--node', '18'],
    /^--node: 18 is too old: ralloc needs Node\.js 20\.19/,
  ],
  ['a server that is none', ['--server', 'restify'], /^--server must be one of express, .*, hono/],
  [
    'a server that is not installed',
    ['--server', 'hono'],
    /^--server hono: the package @hono\/node-server is not installed here/,
    { NODE_OPTIONS: `--require ${fixturePath('demo/hides-package.js')}` },
  ],
]) {
  test(`${what} is told in one line, with exit code 2`, async (t) => {
    const { code, stdout, stderr } = await runDemo(args, { env });
    t.is(code, 2, stderr);
    t.is(stdout, '');
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
  });
}
