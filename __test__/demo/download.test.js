'use strict';
// tier: tools

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { fetchNode, NotFetched, packageName } = require('../../demo/download.js');
const { choose } = require('../../demo/nodes.js');
const { ltsOn, objection } = require('../../demo/releases.js');
const { posixTest } = require('../helpers/backend.js');
const { temporary } = require('../helpers/demo.js');
const { startRegistry } = require('../helpers/registry.js');

const name = packageName();

// A day on which this Node.js is not one to judge by, and the LTS of that day.
const major = Number(process.versions.node.split('.')[0]);
const day = objection(major, '2099-01-01') ? '2099-01-01' : '2025-12-01';
const [lts] = ltsOn(day);

/** A registry with one Node.js, and that npm of this process asks it. */
async function registry(t, options) {
  const started = await startRegistry({ name, version: `${lts}.99.0`, ...options });
  process.env.npm_config_registry = started.url;
  t.teardown(started.close);
  return started;
}

test.serial('a Node.js is fetched once, whole, and kept', async (t) => {
  const { requests } = await registry(t);
  const cache = temporary(t);
  const said = [];
  const first = await fetchNode(lts, { cache, onFetched: (about) => said.push(about) });
  t.is(first.version, `${lts}.99.0`);
  t.true(fs.statSync(first.path).isFile());
  t.like(said, [{ name, version: `${lts}.99.0` }]);
  t.regex(said[0].integrity, /^sha512-/);

  const count = requests.length;
  t.deepEqual(await fetchNode(lts, { cache }), first);
  t.is(requests.length, count, 'nothing was asked for again');
  t.deepEqual(fs.readdirSync(cache), [`${name}-${lts}`], 'nothing else is left');
});

test.serial('what was changed in the cache is fetched again', async (t) => {
  const { requests } = await registry(t);
  const cache = temporary(t);
  const first = await fetchNode(lts, { cache });
  const count = requests.length;
  fs.appendFileSync(first.path, '# more\n');
  const second = await fetchNode(lts, { cache });
  t.true(requests.length > count);
  t.false(fs.readFileSync(second.path, 'utf8').includes('# more'));
});

test.serial(
  'a package that is not what the registry promised is refused, and nothing is left',
  async (t) => {
    const damage = (bytes) => Buffer.concat([bytes, Buffer.from('x')]);
    await registry(t, { damage });
    const cache = temporary(t);
    const error = await t.throwsAsync(fetchNode(lts, { cache }), { instanceOf: NotFetched });
    t.regex(error.message, /EINTEGRITY/);
    t.deepEqual(fs.readdirSync(cache), []);
  },
);

test.serial('a major that npm does not have', async (t) => {
  await registry(t);
  const cache = temporary(t);
  const error = await t.throwsAsync(fetchNode(98, { cache }), { instanceOf: NotFetched });
  t.regex(error.message, /ETARGET/);
  t.is(error.message.split('\n').length, 1);
});

test.serial('without a network the system Node.js is used, and one line says so', async (t) => {
  process.env.npm_config_registry = 'http://127.0.0.1:1'; // a port that nobody is given
  const { version } = process;
  const fetching = { cache: temporary(t) };
  const chosen = await choose({ node: null, env: {}, fetching, day });
  t.is(chosen.lead.version, version);
  t.is(chosen.own, null);
  t.is(chosen.notes.length, 1);
  t.regex(
    chosen.notes[0],
    /Node\.js \d+ cannot be had from npm \(.*ECONNREFUSED.*going on without/,
  );
  t.false(chosen.notes[0].includes('\n'));

  await t.throwsAsync(choose({ node: '98', env: {}, fetching }), { instanceOf: NotFetched });
});

posixTest(
  'the LTS leads where the system has an older one, which follows',
  async (t) => {
    await registry(t);
    const fetching = { cache: temporary(t) };
    const chosen = await choose({ node: null, env: {}, fetching, day });
    t.is(path.basename(path.dirname(path.dirname(chosen.lead.path))), `${name}-${lts}`);
    t.is(chosen.own.path, process.execPath);
    t.regex(chosen.notes[0], /the LTS, leads/);
    t.true(chosen.notes[0].length <= 80, chosen.notes[0]);
  },
  test.serial,
);

test('self, and the major of this Node.js, are this Node.js', async (t) => {
  for (const node of ['self', `${major}`, process.execPath]) {
    const { lead, own } = await choose({ node, env: {} });
    t.is(lead.version, process.version);
    t.is(own, null);
  }
});

posixTest('a program that is no Node.js, or too old a one, is told from one that is', async (t) => {
  const folder = temporary(t);
  const script = (text) => {
    const file = path.join(folder, 'node');
    fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return file;
  };
  const refusal = (node) => t.throwsAsync(choose({ node, env: {} }));
  t.regex((await refusal(script('echo hello'))).message, /is not a working Node\.js/);
  t.regex((await refusal(script('echo "no such thing" >&2; exit 3'))).message, /no such thing/);
  const old = `echo '{"version":"v18.20.0","major":18,"backend":null}'`;
  t.is(
    (await refusal(script(old))).message,
    '--node: v18.20.0 is too old: ralloc needs Node.js 20.19',
  );
});
