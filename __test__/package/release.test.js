'use strict';
// tier: soak, long

// The programs of a release: what they say when they are used wrongly, one line and nothing is written; what stage.js takes; publish.js, against a registry
// on loopback; and the version, which is the same in every file. rehearse.js installs what is published with every manager: RELEASING.md.

const test = require('ava');
const fs = require('node:fs');
const { delimiter, dirname, join } = require('node:path');
const { PLACES, checkVersion } = require('../../scripts/release/version.js');
const { folder: newFolder } = require('../helpers/folder.js');
const { fitBinaries } = require('../helpers/package/binaries.js');
const { cleanEnv, execute } = require('../helpers/package/npm.js');
const { Registry } = require('../helpers/package/registry.js');
const {
  repository,
  root,
  runStage,
  stage,
  temporary,
  writeBinaries,
} = require('../helpers/package/release.js');

const folderOf = (t) => fs.realpathSync(newFolder(t));
const programOf = (script) => join(root, 'scripts', 'release', script);
const run = (script, args, options) =>
  execute(process.execPath, [programOf(script), ...args], options);

for (const [what, script, args, message] of [
  [
    'a target that ralloc is not built for',
    'build-release.js',
    ['mips-unknown-linux-gnu'],
    /^build-release: unknown target mips-unknown-linux-gnu; there are x86_64-unknown-linux-gnu, /,
  ],
  ['a release put nowhere', 'stage.js', [], /^stage: ralloc is published from a staged copy: /],
  [
    'a release put into a folder in use',
    'stage.js',
    ['--output', '.', '--repository', repository],
    /^stage: .* is not empty/,
  ],
  [
    'a release of no repository',
    'stage.js',
    ['--output', 'staged', '--repository', 'ralloc'],
    /^stage: ralloc is no repository: https:\/\/github\.com\/OWNER\/NAME is one/,
  ],
  ['nothing to publish', 'publish.js', [], /^publish: usage: /],
  ['a folder to publish that was not staged', 'publish.js', ['absent'], /^publish: ENOENT/],
  [
    'a manager that it does not know',
    'rehearse.js',
    ['--managers', 'npm,deno'],
    /^rehearse: there is no manager "deno"; there are npm, pnpm-10, /,
  ],
  [
    'a folder without binaries',
    'rehearse.js',
    ['--binaries', 'absent'],
    /^rehearse: .+absent has no ralloc\..+\.node, which this machine needs$/m,
  ],
  ['an unknown option', 'rehearse.js', ['--fast'], /^rehearse: Unknown option '--fast'/],
]) {
  test(`${script} refuses ${what}`, async (t) => {
    const cwd = folderOf(t);
    fs.writeFileSync(join(cwd, 'something'), '');
    const { code, stdout, stderr } = await run(script, args, { cwd });
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1);
    t.deepEqual(fs.readdirSync(cwd), ['something']);
  });
}

for (const [what, bytes, message] of [
  ['that is missing', undefined, /^stage: Missing artifacts in .*: ralloc\.linux-x64-gnu\.node\n$/],
  ['that is text', Buffer.from('not found'), /: ralloc\.linux-x64-gnu\.node\n$/],
  [
    'of another platform',
    fitBinaries()['ralloc.linux-arm64-gnu.node'],
    /: ralloc\.linux-x64-gnu\.node\n$/,
  ],
]) {
  test(`stage.js refuses a binary ${what}, and leaves nothing`, async (t) => {
    const folder = folderOf(t);
    const binaries = join(folder, 'binaries');
    writeBinaries(binaries, { 'ralloc.linux-x64-gnu.node': bytes });
    const { code, stderr } = await runStage(binaries, join(folder, 'staged'));
    t.is(code, 1);
    t.regex(stderr, message);
    t.notRegex(stderr, /darwin|musl|win32/);
    t.deepEqual(fs.readdirSync(folder), ['binaries']);
  });
}

// Two of the platforms will do, and one where their order does not matter: npm takes its second for each package.
const TWO = ['darwin-arm64', 'linux-x64-gnu'];
const names = [...TWO.map((one) => `@ralloc/${one}`), 'ralloc'];

const original = temporary();
test.before('stage a release', () => stage(original));
test.after.always('clean up', () => fs.rmSync(original, { recursive: true, force: true }));

/** A registry on loopback, and an environment in which npm publishes there. */
async function offered(t) {
  const registry = await new Registry().listen();
  t.teardown(() => registry.close());
  const folder = folderOf(t);
  const env = { ...cleanEnv(folder, registry.url), PATH: process.env.PATH };
  // npm publishes nothing without a token, and this registry takes any.
  fs.writeFileSync(env.npm_config_userconfig, `${registry.url.slice(5)}:_authToken=any\n`);
  return { registry, folder, env };
}

/** A staged release, of another version if one is given, and a way to publish it. */
async function release(t, { version, platforms = TWO } = {}) {
  const { registry, folder, env } = await offered(t);
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
  const publish = (...options) => run('publish.js', [staged, ...options], { env });
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

test('a version before a release is published as the next one, not the latest; a dry run publishes nothing', async (t) => {
  const options = { version: '1.0.0-beta.1', platforms: [] };
  const { registry, publish } = await release(t, options);
  const dry = await publish('--dry-run');
  t.is(dry.code, 0, dry.stderr);
  t.regex(dry.stdout, /ralloc@1\.0\.0-beta\.1 would be published as next/);
  t.deepEqual(registry.published, []);
  const { code, stderr } = await publish();
  t.is(code, 0, stderr);
  t.deepEqual(registry.published, ['ralloc next']);
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
  const { env } = await offered(t);
  env.PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const isWindows = process.platform === 'win32';
  const options = { cwd: root, env, shell: isWindows };
  const { code, stderr } = await execute(
    isWindows ? 'npm.cmd' : 'npm',
    ['publish', '--dry-run'],
    options,
  );
  t.not(code, 0);
  t.regex(stderr, /published from a staged copy/);
});

// One command sets ralloc's version in every file that has it; a release's tag is checked against them all.

const HEADING = /^## .*$/m;

/** The files of the clone that have the version, in a folder of their own. */
function copy(t) {
  const folder = folderOf(t);
  for (const [file] of PLACES) {
    fs.mkdirSync(dirname(join(folder, file)), { recursive: true });
    fs.copyFileSync(join(root, file), join(folder, file));
  }
  const set = (...args) => run('version.js', [...args, '--root', folder], {});
  const changelog = (text) => {
    const file = join(folder, 'CHANGELOG.md');
    if (text !== undefined) fs.writeFileSync(file, text);
    return fs.readFileSync(file, 'utf8');
  };
  const faults = (tag) => checkVersion(folder, tag).map(({ file, what }) => `${file}: ${what}`);
  return { folder, set, changelog, faults };
}

test('version.js sets it in every file, and nothing else changes', async (t) => {
  const { folder, set, faults } = copy(t);
  const { code, stdout, stderr } = await set('7.8.9');
  t.is(code, 0, stderr);
  t.deepEqual(faults(), []);
  const files = [...new Set(PLACES.map(([file]) => file))];
  t.deepEqual(
    stdout.trimEnd().split('\n'),
    files.map((file) => `${file}: 7.8.9`),
  );
  t.is(files.length, 7);
  for (const file of files.filter((one) => one !== 'CHANGELOG.md')) {
    const [before, after] = [root, folder].map((at) =>
      fs.readFileSync(join(at, file), 'utf8').split('\n'),
    );
    const other = after.filter((line, index) => line !== before[index]);
    t.is(after.length, before.length, file);
    t.true(other.length > 0 && other.every((line) => /version.*7\.8\.9/.test(line)), file);
  }
});

test('a date is that of a release; after it the next version gets a heading of its own', async (t) => {
  const { set, changelog, faults } = copy(t);
  changelog('# Changelog\n\n## [0.1.0] - unreleased\n\nwords\n');
  await set('0.2.0');
  t.is(changelog(), '# Changelog\n\n## [0.2.0] - unreleased\n\nwords\n');
  await set('0.2.0', '--date', '2026-01-31');
  t.is(changelog().match(HEADING)[0], '## [0.2.0] - 2026-01-31');
  t.deepEqual(faults('v0.2.0'), []);
  await set('0.3.0-beta.1');
  t.is(
    changelog(),
    '# Changelog\n\n## [0.3.0-beta.1] - unreleased\n\n## [0.2.0] - 2026-01-31\n\nwords\n',
  );
});

test('a tag is refused that is of another version, or has no date in the changelog', async (t) => {
  const { set, faults } = copy(t);
  await set('1.2.3');
  t.deepEqual(faults('v1.2.4'), [
    'package.json: 1.2.3 is released as v1.2.4',
    'CHANGELOG.md: "## [1.2.3] - unreleased" has no date, and a release needs one',
  ]);
});

for (const [what, args, message] of [
  ['a tag', ['v1.2.3'], /^version: usage: /],
  ['a date that is none', ['1.2.3', '--date', '2026-13-01'], /^version: 2026-13-01 is not a date/],
]) {
  test(`version.js refuses ${what}, and changes nothing`, async (t) => {
    const { folder, set } = copy(t);
    const { code, stderr } = await set(...args);
    t.is(code, 1);
    t.regex(stderr, message);
    for (const [file] of PLACES) {
      const [before, after] = [root, folder].map((at) => fs.readFileSync(join(at, file), 'utf8'));
      t.is(after, before, file);
    }
  });
}
