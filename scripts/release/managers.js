'use strict';

// The package managers that a rehearsal installs with: where each comes from, and what each calls a thing.

const fs = require('node:fs');
const path = require('node:path');
const { execute, findNpm } = require('../../__test__/helpers/package/npm.js');

/** Another system than this. */
const ELSEWHERE =
  process.platform === 'darwin'
    ? { os: 'win32', cpu: 'x64', platform: 'win32-x64-msvc' }
    : { os: 'darwin', cpu: 'arm64', platform: 'darwin-arm64' };

const AS_ELSEWHERE = `Object.defineProperty(process, 'platform', { value: '${ELSEWHERE.os}' });
Object.defineProperty(process, 'arch', { value: '${ELSEWHERE.cpu}' });
`;

/** Runs a program of Node's; on `elsewhere` it takes this system for another one. */
const byNode =
  (file) =>
  ({ app, elsewhere }) => {
    if (!elsewhere) return [process.execPath, file];
    const preload = path.join(path.dirname(app), 'as-elsewhere.cjs');
    fs.writeFileSync(preload, AS_ELSEWHERE);
    return [process.execPath, '--require', preload, file];
  };

/**
 * @typedef {object} Manager
 * @property {Record<string, string>} packages of npm's that it consists of: name there → version
 * @property {(folder: string, npm: string) => (how: { app: string, elsewhere?: boolean }) => string[]} command of where they were
 *   installed, and npm's own program
 * @property {(home: string) => Record<string, string>} env   beside HOME, what keeps it to that folder
 * @property {(registry: string, elsewhere: boolean) => Record<string, string>} files of an application: name → text
 * @property {string[]} add   adds a package that follows
 * @property {string[] | undefined} omit   an option of `add`; undefined if it has none for that
 * @property {string[]} ignoreScripts   an option of `add`
 * @property {string[]} onElsewhere   an option of `add` that is for another system
 * @property {string[]} frozen   installs what a lockfile has
 * @property {(app: string) => string[]} run   what runs a file of an application
 */

const node = () => [process.execPath];
const npmrc = (registry) => ({ '.npmrc': `registry=${registry}\n` });

const COMMON = { env: () => ({}), onElsewhere: [], files: npmrc, run: node };

const pnpm = {
  ...COMMON,
  add: ['add'],
  omit: ['--no-optional'],
  ignoreScripts: ['--ignore-scripts'],
  frozen: ['install', '--frozen-lockfile'],
};

/** A pnpm that is no program of Node's learns of another system here alone. It may be set to leave new packages alone. */
const workspace = (registry, elsewhere) => ({
  ...npmrc(registry),
  'pnpm-workspace.yaml': [
    'minimumReleaseAge: 0',
    ...(elsewhere
      ? [`supportedArchitectures: { os: [${ELSEWHERE.os}], cpu: [${ELSEWHERE.cpu}] }`]
      : []),
    '',
  ].join('\n'),
});

const berry = (linker) => ({
  ...COMMON,
  packages: { 'yarn-4': 'npm:@yarnpkg/cli-dist@4.18.1' },
  command: (folder) => byNode(path.join(folder, 'yarn-4', 'bin', 'yarn.js')),
  files: (registry) => ({
    'yarn.lock': '',
    '.yarnrc.yml': [
      `npmRegistryServer: "${registry.replace(/\/$/, '')}"`,
      'unsafeHttpWhitelist: ["127.0.0.1"]',
      `nodeLinker: ${linker}`,
      'enableGlobalCache: false',
      'enableTelemetry: false',
      'enableImmutableInstalls: false',
      'npmMinimalAgeGate: 0',
      '',
    ].join('\n'),
  }),
  add: ['add'],
  ignoreScripts: ['--mode=skip-build'],
  frozen: ['install', '--immutable'],
});

/** @type {Record<string, Manager>} */
const MANAGERS = {
  npm: {
    ...COMMON,
    packages: {},
    command: (_, npm) => () => [process.execPath, npm],
    add: ['install'],
    onElsewhere: [`--os=${ELSEWHERE.os}`, `--cpu=${ELSEWHERE.cpu}`],
    omit: ['--omit=optional'],
    ignoreScripts: ['--ignore-scripts'],
    frozen: ['ci'],
  },
  'pnpm-10': {
    ...pnpm,
    packages: { 'pnpm-10': 'npm:pnpm@10.34.8' },
    command: (folder) => byNode(path.join(folder, 'pnpm-10', 'bin', 'pnpm.cjs')),
  },
  'pnpm-12': {
    ...pnpm,
    packages: { 'pnpm-12': 'npm:pnpm@12.21.0' },
    command: (folder) => () => [programOf(folder, '@pnpm', 'pnpm')],
    files: workspace,
  },
  'yarn-1': {
    ...COMMON,
    packages: { 'yarn-1': 'npm:yarn@1.22.22' },
    env: (home) => ({ YARN_CACHE_FOLDER: path.join(home, 'yarn') }), // root's is elsewhere
    command: (folder) => byNode(path.join(folder, 'yarn-1', 'bin', 'yarn.js')),
    add: ['add'],
    omit: ['--ignore-optional'],
    ignoreScripts: ['--ignore-scripts'],
    frozen: ['install', '--frozen-lockfile'],
  },
  'yarn-4': berry('node-modules'),
  'yarn-4-pnp': {
    ...berry('pnp'),
    run: (app) => [process.execPath, '--require', path.join(app, '.pnp.cjs')],
  },
  bun: {
    ...COMMON,
    packages: { bun: '1.4.5' },
    command: (folder) => () => [programOf(folder, '@oven', 'bun')],
    add: ['add'],
    omit: ['--omit=optional'],
    ignoreScripts: ['--ignore-scripts'],
    onElsewhere: [`--os=${ELSEWHERE.os}`, `--cpu=${ELSEWHERE.cpu}`],
    frozen: ['install', '--frozen-lockfile'],
  },
};

/** The program of a manager that is no JavaScript: in the one package of its scope that was installed for this system. */
function programOf(folder, scope, name) {
  const program = process.platform === 'win32' ? `${name}.exe` : name;
  const places = fs
    .readdirSync(path.join(folder, scope))
    .flatMap((one) => [
      path.join(folder, scope, one, 'bin', program),
      path.join(folder, scope, one, program),
    ]);
  return places.find((file) => fs.existsSync(file)) ?? program;
}

/** Gets what the managers consist of from npm into `folder`, unless it has those of `wanted`. */
async function getManagers(wanted, folder, env) {
  const packages = (names) => Object.assign({}, ...names.map((name) => MANAGERS[name].packages));
  const isThere = (name) => fs.existsSync(path.join(folder, 'node_modules', name, 'package.json'));
  const missing = Object.keys(packages(wanted)).filter((name) => !isThere(name));
  if (missing.length === 0) return;
  fs.mkdirSync(folder, { recursive: true });
  const all = Object.entries(packages(Object.keys(MANAGERS)));
  const specs = all.map(([name, version]) => `${name}@${version}`);
  const args = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit'];
  const npm = [findNpm(), ...args, ...specs];
  const { code, stderr } = await execute(process.execPath, npm, { env });
  if (code !== 0)
    throw new Error(`${missing.join(', ')} cannot be had: ${stderr.trim().split('\n')[0]}`);
}

module.exports = { ELSEWHERE, MANAGERS, getManagers };
