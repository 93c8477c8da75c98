'use strict';
// tier: soak

// bench/apps: its command line, what it is made of, and that it finds a wrong byte. No measurement.

const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const test = require('ava');
const { APPLICATIONS } = require('../../bench/apps/applications.js');
const connect = require('../../bench/apps/loads/http.js');
const Room = require('../../bench/apps/loads/room.js');
const { parse, UsageError } = require('../../bench/apps/options.js');
const { overTime } = require('../../bench/apps/over-time.js');
const { OWNERS, profile } = require('../../bench/apps/profile.js');
const { SERVICES } = require('../../bench/apps/services/index.js');
const postgres = require('../../bench/apps/services/postgres.js');
const { fileOf, forget, linesChanged, variantsOn } = require('../../bench/apps/variants.js');
const { Child } = require('../../bench/method/child.js');
const { FLAG } = require('../../demo/contenders.js');
const { run } = require('../helpers/child.js');
const { folder } = require('../helpers/folder.js');
const APPS = path.join(__dirname, '..', '..', 'bench', 'apps');
const names = Object.keys(APPLICATIONS);

test('by default all applications on this Node', (t) => {
  t.like(parse([]), { names, nodes: ['self'], blocks: undefined, quick: false });
  const args = ['json', 'post', '--node', '24', '--node', '26', '--blocks', '20', '--quick'];
  t.like(parse(args), {
    names: ['json', 'post'],
    nodes: ['24', '26'],
    blocks: 20,
    quick: true,
  });
});

for (const [args, message] of [
  [['soup'], /^there is no application "soup"; there are\n {2}json /],
  [['toString'], /^there is no application "toString"/],
  [['--blocks', '0'], '--blocks must be a whole number from 1 to 1000, not "0"'],
  [
    ['--blocks', '2', '--cpu-profile', 'x'],
    /^--blocks is for ratios; with --cpu-profile and --over-time there are none$/,
  ],
  [
    ['--blocks', '2', '--over-time'],
    /^--blocks is for ratios; with --cpu-profile and --over-time there are none$/,
  ],
  [['--variant', 'best'], /^--variant must be one of plain, .*, not "best"$/],
  [['--fast'], /--fast/],
]) {
  test(`bad: ${args.join(' ')}`, (t) => {
    t.throws(() => parse(args), { instanceOf: UsageError, message });
  });
}

test('an unknown application ends the run with 2 and the list', async (t) => {
  const { code, stdout, stderr } = await run('bench:apps', {
    path: path.join(APPS, 'run.js'),
    args: ['soup'],
  });
  t.is(code, 2);
  t.is(stdout, '');
  for (const name of names) t.regex(stderr, new RegExp(`^ {2}${name} `, 'm'));
});

for (const [name, application] of Object.entries(APPLICATIONS)) {
  test(`${name} has its variants, and requests with answers`, (t) => {
    const { plain, ralloc } = Object.fromEntries(
      ['plain', 'ralloc']
        .filter((variant) => variant in application)
        .map((variant) => [variant, fs.readFileSync(fileOf(application, variant), 'utf8')]),
    );
    const requiresRalloc = /require\('ralloc(?:\/\w+)?'\)/;
    t.notRegex(plain, requiresRalloc);
    if (ralloc !== undefined && !application.isApplied) t.regex(ralloc, requiresRalloc);
    for (const text of [plain, ralloc ?? '']) t.true(text.trimEnd().split('\n').length <= 50);
    const lines = linesChanged(application);
    t.is(lines === null ? application.isApplied : lines > 0, ralloc !== undefined);
    const { behind, load = 'http.js', service } = application;
    t.true(service === undefined || service in SERVICES);
    for (const [folder, file] of Object.entries({ behind, loads: load })) {
      t.true(file === undefined || fs.existsSync(path.join(APPS, folder, file)), file);
    }
    const exchanges = application.ask?.() ?? [];
    for (const { answer } of exchanges) t.true(answer.length > 0);
    const distinct = new Set(exchanges.map(({ answer }) => answer.toString('latin1')));
    const paths = new Set(
      exchanges.map(({ path: asked, body }, n) => (body ? n : asked.replace(/.*rows/, ''))),
    );
    t.is(distinct.size, paths.size, 'an answer tells whose it is');
  });
}

test('without PostgreSQL its application says what it needs', (t) => {
  const dir = folder(t);
  t.regex(postgres.missing([dir]), /^PostgreSQL is needed \(initdb and postgres\)/);
  for (const name of ['initdb', 'postgres']) fs.writeFileSync(path.join(dir, name), '');
  t.is(postgres.missing([dir]), null);
});

/** The names of those of an application on this Node, without those whose flag of V8's it does not know. */
const variantsOf = (name, names) =>
  variantsOn(process.execPath, APPLICATIONS[name], names)
    .filter(({ execArgv }) => !execArgv.includes(FLAG))
    .map((variant) => variant.name);

test('variants with a flag take part where Node knows it', (t) => {
  const isKnown = spawnSync(process.execPath, [FLAG, '-e', '0']).status === 0;
  const flagged = variantsOn(process.execPath, APPLICATIONS.hello)
    .filter(({ execArgv }) => execArgv.includes(FLAG))
    .map(({ name }) => name);
  t.deepEqual(flagged, isKnown ? ['plain + flag', 'ralloc + flag'] : []);
});

test('every application is measured by ralloc/auto, too', (t) => {
  t.deepEqual(variantsOf('hello'), ['plain', 'auto', 'ralloc', 'fallback']);
  t.true(variantsOf('json').includes('empty middleware'));
  t.deepEqual(variantsOf('static-1m'), ['plain', 'ralloc', 'fallback'], 'where it is the only one');
  for (const variant of variantsOn(process.execPath, APPLICATIONS['static-1m']).slice(-1))
    t.like(variant, { allocator: 'plain', env: { RALLOC_BACKEND: 'js' } });
  t.deepEqual(variantsOf('hello', ['auto', 'profile']), ['plain', 'auto', 'profile']);
  t.deepEqual(variantsOf('json', ['plain + heap']), ['plain', 'plain + heap']);
});

test('each variant of an application is profiled, with a file for DevTools', async (t) => {
  const dir = folder(t);
  const load = new Child(path.join(APPS, 'client.js'), ['post']);
  t.teardown(() => load.stop());
  t.teardown(forget);
  const setting = {
    ...{ mix: 'post', server: 'post', program: path.join(APPS, 'serve.js') },
    ...{ node: process.execPath, env: {}, processors: null, port: 0, load, upstream: null },
    contenders: variantsOn(process.execPath, APPLICATIONS.post, ['profile']),
    plan: { warm: 50, empty: 0, slice: 0.05, gap: 0 },
  };
  const found = await profile(setting, { folder: dir, version: process.version });
  t.deepEqual(
    found.map(({ name, more }) => [name, Array.isArray(more)]),
    [
      ['plain', true],
      ['profile', true],
    ],
  );
  for (const { owners } of found) t.deepEqual(Object.keys(owners), OWNERS);
  t.is(found[0].owners.recorder, 0);
  t.true(found[1].owners.recorder > 0);
  const files = fs.readdirSync(dir).sort();
  t.deepEqual(
    files,
    ['plain', 'profile'].map((name) => `post-${name}-${process.version}.cpuprofile`),
  );
  const { nodes, samples } = JSON.parse(fs.readFileSync(path.join(dir, files[1]), 'utf8'));
  t.true(nodes.length > 0 && samples.length > 0);
});

test('memory over time is looked at while there are requests, and afterwards', async (t) => {
  const load = new Child(path.join(APPS, 'client.js'), ['post']);
  t.teardown(() => load.stop());
  const setting = {
    ...{ mix: 'post', server: 'post', program: path.join(APPS, 'serve.js') },
    ...{ node: process.execPath, env: {}, processors: null, port: 0, load, upstream: null },
    contenders: variantsOn(process.execPath, APPLICATIONS.post, ['auto']),
    plan: { gap: 0 },
  };
  const { load: told, rows } = await overTime(setting, true);
  t.deepEqual(
    rows.map(({ name }) => name),
    ['plain', 'auto'],
  );
  for (const { points } of rows) {
    t.true(points.at(-1)[0] > told.seconds);
    t.true(points.every(([, rss]) => rss > 2 ** 20));
  }
});

/** What a connection says of an answer where `answer` was due. */
async function faultOf(t, answer, respond) {
  const server = http.createServer(respond);
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let connections;
  const fault = await new Promise((resolve) => {
    const exchanges = [{ answer: Buffer.from(answer) }];
    const onDone = (_, said) => resolve(said);
    connections = connect(server.address().port, onDone, { exchanges, connections: 1 });
    connections[0].send('any', 1);
  });
  await Promise.all(connections.map((connection) => connection.destroy()));
  return fault;
}

test('an answer is right if all of its bytes are', async (t) => {
  const due = 'as it was sent';
  t.is(await faultOf(t, due, (_req, res) => res.end(due)), null);
  t.regex(await faultOf(t, due, (_req, res) => res.end('as it was senT')), /^other bytes/);
  t.is(await faultOf(t, due, (_req, res) => res.end('as it was')), '9 bytes instead of 14');
  t.regex(await faultOf(t, due, (_req, res) => res.end(`${due}, and more`)), /^other bytes/);
  t.is(await faultOf(t, due, (_req, res) => res.writeHead(500).end(due)), 'status 500');
});

/** What is said of a broadcast to two clients of whom the second gets what `second(room)` gives it. */
function broadcast(second) {
  const said = [];
  const how = { start: () => Buffer.from('to all') };
  const room = new Room(2, how, (_, fault, isVerified) => said.push([fault, isVerified]));
  room.send('any', 1);
  room.take(Buffer.from('to all'));
  said.push('one of two');
  second(room);
  return said;
}

test('a broadcast is over when all have it, and right if all bytes of each are', (t) => {
  const right = broadcast((room) => room.take(Buffer.from('to all')));
  t.deepEqual(right, ['one of two', [null, true]]);
  const wrong = broadcast((room) => room.take(Buffer.from('to alL')));
  t.deepEqual(wrong, ['one of two', ['a client got other bytes', false]]);
  const lost = broadcast((room) => room.lose());
  t.deepEqual(lost, ['one of two', ['a connection was closed', false]]);
});
