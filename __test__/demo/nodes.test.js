'use strict';
// tier: soak

// Which Node.js the demo's servers run on, and how one is got from npm.

const fs = require('node:fs');
const path = require('node:path');
const { serial: test } = require('ava');
const { fetchNode, NotFetched, packageName } = require('../../demo/download.js');
const { choose } = require('../../demo/nodes.js');
const { ltsOn, objection } = require('../../demo/releases.js');
const { posixTest } = require('../helpers/backend.js');
const { nodeRegistry } = require('../helpers/demo.js');
const { folder } = require('../helpers/folder.js');

const inTurn = (title, body) => posixTest(title, body, test);
const name = packageName();

// A day on which this Node.js is not one to judge by, and the LTS of that day.
const major = Number(process.versions.node.split('.')[0]);
const day = objection(major, '2099-01-01') ? '2099-01-01' : '2025-12-01';
const [lts] = ltsOn(day);

/** A registry with one Node.js, and that npm of this process asks it. */
async function registryOf(t) {
  const registry = await nodeRegistry(t, name, `${lts}.99.0`);
  process.env.npm_config_registry = registry.url;
  return registry;
}

test('a Node.js is fetched once, whole, and kept; what was changed is fetched again', async (t) => {
  const { fetched } = await registryOf(t);
  const cache = folder(t);
  const said = [];
  const onFetch = (what) => said.push(what);
  const first = await fetchNode(lts, { cache, onFetch, onFetched: (about) => said.push(about) });
  t.is(first.version, `${lts}.99.0`);
  t.true(fs.statSync(first.path).isFile());
  t.is(said.shift(), `${name} ${lts}`);
  t.like(said, [{ name, version: `${lts}.99.0` }]);
  t.regex(said[0].integrity, /^sha512-/);
  t.deepEqual(await fetchNode(lts, { cache, onFetch: t.fail }), first);
  t.is(fetched.length, 1, 'not again');
  t.deepEqual(fs.readdirSync(cache), [`${name}-${lts}`], 'nothing else is left');

  fs.appendFileSync(first.path, '# more\n');
  const second = await fetchNode(lts, { cache });
  t.is(fetched.length, 2);
  t.false(fs.readFileSync(second.path, 'utf8').includes('# more'));
});

test('without a network the system Node.js is used, and one line says so', async (t) => {
  process.env.npm_config_registry = 'http://127.0.0.1:1'; // a port that nobody is given
  const fetching = { cache: folder(t) };
  const { lead, own, notes } = await choose({ node: null, env: {}, fetching, day });
  t.is(lead.version, process.version);
  t.is(own, null);
  t.is(notes.length, 1);
  t.regex(
    notes[0],
    /^.* Node\.js \d+ cannot be had from npm \(.*ECONNREFUSED.*; going on without it\.$/,
  );
  await t.throwsAsync(choose({ node: '98', env: {}, fetching }), { instanceOf: NotFetched });
});

inTurn('the LTS leads where the system has an older one, which follows', async (t) => {
  await registryOf(t);
  const fetching = { cache: folder(t) };
  const { lead, own, notes } = await choose({ node: null, env: {}, fetching, day });
  t.is(path.basename(path.dirname(path.dirname(lead.path))), `${name}-${lts}`);
  t.is(own.path, process.execPath);
  t.regex(notes[0], /the LTS, leads/);
  t.true(notes[0].length <= 80, notes[0]);
});

test('self, and the major of this Node.js, are this Node.js', async (t) => {
  for (const node of ['self', `${major}`, process.execPath]) {
    const { lead, own } = await choose({ node, env: {} });
    t.is(lead.version, process.version);
    t.is(own, null);
  }
});

posixTest('a program that is no Node.js, or too old a one, is told from one that is', async (t) => {
  const script = path.join(folder(t), 'node');
  for (const [text, message] of [
    ['echo hello', /is not a working Node\.js/],
    ['echo "no such thing" >&2; exit 3', /no such thing/],
    [
      `echo '{"version":"v18.20.0","major":18,"backend":null}'`,
      /^--node: v18\.20\.0 is too old: ralloc needs Node\.js 20\.19$/,
    ],
  ]) {
    fs.writeFileSync(script, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await t.throwsAsync(choose({ node: script, env: {} }), { message });
  }
  for (const [node, message] of [
    [__filename, /^--node: ".*nodes\.test\.js" is neither/],
    ['18', /^--node: 18 is too old: ralloc needs Node\.js 20\.19/],
  ])
    await t.throwsAsync(choose({ node, env: {} }), { message });
});

test('a Node.js to judge by is one of the two newest LTS lines, before its end of life', (t) => {
  for (const [version, on, says] of [
    [24, '2026-11-21', null],
    [22, '2026-11-21', 'is not one of the two newest LTS lines'],
    [20, '2026-11-21', 'is past its end of life (2026-04-30)'],
    [26, '2026-10-01', 'is not LTS before 2026-10-28'],
    [25, '2026-11-21', 'is not LTS'],
    [27, '2026-11-21', 'is not LTS yet'],
  ]) {
    t.is(objection(version, on), says);
  }
});
