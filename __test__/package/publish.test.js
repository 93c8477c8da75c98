'use strict';
// tier: tools, long

// scripts/release/publish.js, against a registry on loopback.

const test = require('ava');
const fs = require('node:fs');
const { delimiter, dirname, join } = require('node:path');
const { cleanEnv, execute } = require('../helpers/package/npm.js');
const { Registry } = require('../helpers/package/registry.js');
const { root, stage, temporary } = require('../helpers/package/release.js');

// Two of the platforms will do, and one where their order does not matter: npm takes its second for each package.
const PLATFORMS = ['darwin-arm64', 'linux-x64-gnu'];
const names = [...PLATFORMS.map((one) => `@ralloc/${one}`), 'ralloc'];

const original = temporary();
test.before('stage a release', () => stage(original));
test.after.always('clean up', () => fs.rmSync(original, { recursive: true, force: true }));

/** A staged release, of another version if one is given, and a way to publish it. */
async function release(t, { version, platforms = PLATFORMS } = {}) {
  const registry = await new Registry().listen();
  const folder = temporary();
  t.teardown(() => {
    registry.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const staged = join(folder, 'staged');
  fs.cpSync(join(original, 'staged'), staged, { recursive: true });
  for (const one of fs.readdirSync(join(staged, 'npm'))) {
    if (!platforms.includes(one)) fs.rmSync(join(staged, 'npm', one), { recursive: true });
  }
  for (const one of [staged, ...platforms.map((name) => join(staged, 'npm', name))]) {
    const file = join(one, 'package.json');
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8'));
    fs.writeFileSync(file, JSON.stringify({ ...manifest, version: version ?? manifest.version }));
  }
  const env = { ...cleanEnv(folder, registry.url), PATH: process.env.PATH };
  // npm publishes nothing without a token, and this registry takes any.
  fs.writeFileSync(env.npm_config_userconfig, `${registry.url.slice(5)}:_authToken=any\n`);
  const publish = (...options) =>
    execute(
      process.execPath,
      [join(root, 'scripts', 'release', 'publish.js'), staged, ...options],
      { env },
    );
  return { registry, publish };
}

test('the platforms’ packages go before ralloc; a second run publishes nothing', async (t) => {
  const { registry, publish } = await release(t);
  const first = await publish();
  t.is(first.code, 0, first.stderr);
  const all = names.map((name) => `${name} latest`);
  t.deepEqual(registry.published, all);
  const second = await publish();
  t.is(second.code, 0, second.stderr);
  t.is(second.stdout.match(/ is published already/g).length, all.length);
  t.is(registry.published.length, all.length);
});

test('a version before a release is published as the next one, not the latest', async (t) => {
  const { registry, publish } = await release(t, {
    version: '1.0.0-beta.1',
    platforms: PLATFORMS.slice(1),
  });
  const { code, stderr } = await publish();
  t.is(code, 0, stderr);
  t.is(registry.published.at(-1), 'ralloc next');
});

test('a dry run publishes nothing', async (t) => {
  const { registry, publish } = await release(t, { platforms: PLATFORMS.slice(1) });
  const { code, stdout, stderr } = await publish('--dry-run');
  t.is(code, 0, stderr);
  t.regex(stdout, /ralloc@[\d.]+ would be published as latest/);
  t.deepEqual(registry.published, []);
});

test('a registry that fails ends the run before ralloc is published', async (t) => {
  const { registry, publish } = await release(t);
  registry.refuses = names[1];
  const { code, stderr } = await publish();
  t.not(code, 0);
  t.regex(stderr, /failed/);
  t.deepEqual(registry.published, [`${names[0]} latest`]);
});

test('the clone itself is not published', async (t) => {
  const folder = temporary();
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }));
  const registry = await new Registry().listen();
  t.teardown(() => registry.close());
  const env = { ...cleanEnv(folder, registry.url), PATH: process.env.PATH };
  fs.writeFileSync(env.npm_config_userconfig, `${registry.url.slice(5)}:_authToken=any\n`);
  env.PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { code, stderr } = await execute(npm, ['publish', '--dry-run'], {
    cwd: root,
    env,
    shell: process.platform === 'win32',
  });
  t.not(code, 0);
  t.regex(stderr, /published from a staged copy/);
});
