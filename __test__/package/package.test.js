'use strict';
// tier: tools, long

// What users get: the packages as a release packs them, from a registry on loopback, installed into an empty
// folder where neither Rust nor a compiler is on PATH.

const { serial: test } = require('ava'); // npm takes minutes on a busy machine, where all wait for all
const fs = require('node:fs');
const { join, posix } = require('node:path');
const { listFiles } = require('../../scripts/lib/files.js');
const { BINARY } = require('../../scripts/release/check-binary.js');
const { replaceLinks } = require('../../scripts/release/links.js');
const { reference } = require('../../scripts/release/reference.js');
const { PLATFORMS } = require('../../scripts/release/targets.js');
const needs = require('../helpers/needs.js');
const { cleanEnv, execute, npm } = require('../helpers/package/npm.js');
const { allDocuments } = require('../helpers/snippets.js');
const { Registry } = require('../helpers/package/registry.js');
const {
  hostBinary,
  pack,
  platform,
  repository,
  root,
  stage,
  temporary,
} = require('../helpers/package/release.js');

const { version } = require('../../package.json');

const needsGit = (title, body) => needs.needsGit(title, body, test);

/** How large ralloc itself may be, as npm packs it; 26 kB are the reference of its types. */
const PACKED = 925_000;

const SCRIPTS_AT_INSTALL = ['preinstall', 'install', 'postinstall', 'prepare'];

const folder = temporary();
const registry = new Registry();

test.before('pack every package, and offer them on loopback', async (t) => {
  await registry.listen();
  t.context.packages = await pack(folder, await stage(folder));
  for (const { manifest, bytes } of t.context.packages) registry.add(manifest, bytes);
});

test.after.always('clean up', () => {
  registry.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Installs ralloc into an empty folder; everything that npm may read or keep is there too. */
async function install(name, ...options) {
  const app = join(folder, name);
  const home = join(folder, `${name}-home`);
  for (const one of [app, home]) fs.mkdirSync(one);
  fs.writeFileSync(join(app, 'package.json'), '{}');
  const env = cleanEnv(home, registry.url);
  await npm(['install', 'ralloc', '--ignore-scripts=false', ...options], { cwd: app, env });
  return { app, env, modules: join(app, 'node_modules') };
}

function installed(modules) {
  const names = fs.readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names.flatMap((name) =>
    name.startsWith('@')
      ? fs.readdirSync(join(modules, name)).map((one) => `${name}/${one}`)
      : name,
  );
}

/** Uses the package installed in `app` in a process of its own, got in this way. */
async function use(t, { app, env }, file, get) {
  const fixture = JSON.stringify(join(__dirname, '..', 'fixtures', 'package', 'use-installed.js'));
  const lines = [get, `useInstalled(ralloc);`].join('\n').replace('FIXTURE', fixture);
  fs.writeFileSync(join(app, file), lines);
  const { code, stdout, stderr } = await execute(process.execPath, [file], { cwd: app, env });
  t.is(code, 0, stderr);
  const { backend, warnings, ...rest } = JSON.parse(stdout);
  const [body, requests] = ['from the arena', 1];
  t.deepEqual(rest, { version, body, requests, owned: true, keptLength: 0 });
  return { backend, warnings };
}

const byRequire = [
  'use.cjs',
  "const ralloc = require('ralloc');\nconst { useInstalled } = require(FIXTURE);",
];
const byImport = [
  'use.mjs',
  "import { createRequire } from 'node:module';\nimport * as ralloc from 'ralloc';\n" +
    'const { useInstalled } = createRequire(import.meta.url)(FIXTURE);',
];

const native = hostBinary() !== undefined;
const memory = native ? 'native memory' : 'the fallback (no binary was built)';

let plain; // installed without options, by the first test that asks
const installedPlain = () => {
  plain ??= install('plain');
  return plain;
};

for (const [how, program] of [
  ['require', byRequire],
  ['import', byImport],
]) {
  test(`installed from a registry, by ${how}, it serves a request from an arena in ${memory}`, async (t) => {
    const place = await installedPlain();
    if (platform !== undefined) {
      t.deepEqual(installed(place.modules), [`@ralloc/${platform}`, 'ralloc']);
    }
    const { backend, warnings } = await use(t, place, ...program);
    t.is(backend, native ? 'native' : 'js');
    t.is(warnings.length, native ? 0 : 1);
  });
}

/** Runs the command that a warning names, and checks that memory is native then. */
async function followAdvice(t, place, { message }) {
  const [, command] = / To install it: npm (install .+)$/.exec(message);
  await npm(command.split(' '), { cwd: place.app, env: place.env });
  t.deepEqual(installed(place.modules), [`@ralloc/${platform}`, 'ralloc']);
  const { backend, warnings } = await use(t, place, ...byRequire);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
}

test('without the platform package the fallback serves; the one warning has the command that installs it', async (t) => {
  const place = await install('omitted', '--omit=optional');
  fs.writeFileSync(join(place.app, '.npmrc'), 'omit=optional\n');
  t.deepEqual(installed(place.modules), ['ralloc']);
  const { backend, warnings } = await use(t, place, ...byRequire);
  t.is(backend, 'js');
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['RALLOC_JS_BACKEND'],
  );
  const why =
    platform === undefined ? /: ralloc has no binary for / : /: @ralloc\/.+ is not installed\. /;
  t.regex(warnings[0].message, why);
  if (native) await followAdvice(t, place, warnings[0]);
});

for (const [other, ...options] of [
  ['linux-x64-musl', '--os=linux', '--cpu=x64', '--libc=musl'],
  ['win32-arm64-msvc', '--os=win32', '--cpu=arm64'],
]) {
  test(`npm takes one binary for ${other}: its own`, async (t) => {
    const { modules } = await install(other, ...options);
    t.deepEqual(installed(modules), [`@ralloc/${other}`, 'ralloc']);
    t.true(fs.existsSync(join(modules, '@ralloc', other, `ralloc.${other}.node`)));
  });
}

test('where there is no binary for a platform, npm installs ralloc alone', async (t) => {
  const { modules } = await install('elsewhere', '--os=freebsd', '--cpu=x64');
  t.deepEqual(installed(modules), ['ralloc']);
});

needsGit('ralloc packs its sources, types, documents and bundles, and no pictures', (t) => {
  const [{ manifest, files, bytes }] = t.context.packages;
  const shipped =
    /^(?:bin|lib|tools|docs|types)\/|^(?:index\.d\.ts|LICENSE|(?:README|CHANGELOG|SECURITY)\.md|package\.json)$/;
  const left = /\.svg$|^docs\/explain\/architecture\.md$|^tools\/report\/page\//;
  const tracked = listFiles(root).filter((file) => shipped.test(file) && !left.test(file));
  const made = [
    'tools/placement/dist/acorn',
    'tools/cli/dist/diff',
    'tools/cli/dist/page',
    'tools/cli/dist/pprof',
  ];
  const bundled = made.flatMap((name) => [`${name}.js`, `${name}.licences.txt`]);
  const dist = ['tools/cli/dist/page.css', ...bundled];
  const pages = reference(root).map(([file]) => file);
  t.deepEqual(files, [...tracked, ...dist, ...pages].sort());
  t.true(bytes.length < PACKED, `${bytes.length} bytes`); // 195 are the profiler's: 70 its page, with two libraries of charts, 35 a parser
  for (const key of ['scripts', 'devDependencies', 'dependencies', 'overrides', 'napi']) {
    t.is(manifest[key], undefined, key);
  }
  const { '.': main, './package.json': _, ...doors } = manifest.exports;
  for (const { types, default: program } of [main.import, main.require, ...Object.values(doors)]) {
    for (const file of [types, program]) t.true(files.includes(file.replace('./', '')), file);
  }
});

test('the documents say of the packages the sizes that a release may have', (t) => {
  const said = allDocuments().flatMap((document) => {
    const text = fs.readFileSync(join(root, document), 'utf8');
    const sizes = text.matchAll(/under\s+(\d+)\s+kB|(\d+)\s+kB\s+packed/g);
    return [...sizes].map(([, under, packed]) => 1000 * Number(under ?? packed));
  });
  t.deepEqual(said, [BINARY, PACKED]);
});

test('ralloc depends on each platform’s package: its binary, of the same version, and where it belongs', (t) => {
  const [{ manifest: own }, ...platforms] = t.context.packages;
  t.is(platforms.length, Object.keys(PLATFORMS).length);
  t.is(Object.keys(own.optionalDependencies).length, platforms.length);
  for (const { manifest, files } of platforms) {
    const [, name] = manifest.name.split('/');
    const [os, cpu, abi] = name.split('-');
    const binary = `ralloc.${name}.node`;
    t.deepEqual(files, ['LICENSE', 'README.md', 'package.json', binary]);
    t.is(manifest.main, binary);
    t.deepEqual([manifest.os, manifest.cpu], [[os], [cpu]]);
    const libc = { gnu: ['glibc'], musl: ['musl'] }[abi];
    t.deepEqual(manifest.libc, libc);
    t.is(manifest.version, version);
    t.is(own.optionalDependencies[manifest.name], version);
  }
});

test('every package says whose it is, and where its sources and its page are', (t) => {
  for (const { manifest } of t.context.packages) {
    t.is(manifest.author, 'The ralloc maintainers');
    t.is(manifest.license, 'MIT');
    t.is(manifest.homepage, `${repository}#readme`);
    t.deepEqual(manifest.bugs, { url: `${repository}/issues` });
    t.deepEqual(manifest.repository, { type: 'git', url: `git+${repository}.git` });
  }
});

test('links of the packed documents lead to files of the package, or to the repository', (t) => {
  const [{ files }] = t.context.packages;
  const targets = { inside: 0, outside: 0 };
  const staged = (file) => fs.readFileSync(join(folder, 'staged', file), 'utf8');
  for (const file of files.filter((one) => one.endsWith('.md'))) {
    replaceLinks(staged(file), (target) => {
      targets.inside++;
      t.true(files.includes(posix.join(posix.dirname(file), target)), `${file}: ${target}`);
      return target;
    });
    const outside = new RegExp(`${repository}/(blob|tree|raw)/v${version}/([\\w./-]+)`, 'g');
    for (const [, kind, path] of staged(file).matchAll(outside)) {
      targets.outside++;
      t.is(fs.statSync(join(root, path)).isDirectory(), kind === 'tree', `${file}: ${path}`);
      t.is(/\.(svg|png)$/.test(path), kind === 'raw', `${file}: ${path}`);
    }
  }
  const pictures = staged('README.md').match(/(?<= (?:src|srcset)=")[^"]+/g);
  const raw = `${repository}/raw/v${version}/docs`;
  t.deepEqual(pictures, [`${raw}/chart-dark.svg`, `${raw}/chart-light.svg`]);
  t.true(targets.inside > 10 && targets.outside > 5, JSON.stringify(targets));
});

test('no package has anything that runs when it is installed', (t) => {
  for (const { manifest, files } of t.context.packages) {
    const scripts = Object.keys(manifest.scripts ?? {});
    t.deepEqual(
      scripts.filter((name) => SCRIPTS_AT_INSTALL.includes(name)),
      [],
      manifest.name,
    );
    // npm would run node-gyp for it.
    t.false(files.includes('binding.gyp'), manifest.name);
  }
});

test('a fresh clone asks no registry for packages that may not be published yet', (t) => {
  const manifest = require('../../package.json');
  t.is(manifest.optionalDependencies, undefined);
  const lock = fs.readFileSync(join(root, 'package-lock.json'), 'utf8');
  t.notRegex(lock, /"(?:node_modules\/)?@ralloc\//);
});

test('the frameworks are peers that nobody needs, of any version: an adapter says itself which it is for', (t) => {
  const { peerDependencies, peerDependenciesMeta } = require('../../package.json');
  const names = Object.keys(peerDependencies);
  t.true(names.length >= 6);
  t.deepEqual(Object.keys(peerDependenciesMeta).sort(), names.sort());
  for (const name of names) {
    t.is(peerDependencies[name], '*', name);
    t.true(peerDependenciesMeta[name].optional, name);
  }
});
