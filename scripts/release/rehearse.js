'use strict';

// npm run release:rehearse [-- --managers NAME,… --binaries DIR]
// A release from its build to its users: builds the binaries that this machine can build, stages all packages as a release candidate,
// publishes them into a registry on loopback, and installs from it with the package managers that people have
// (managers.js; all, or those named). With --binaries nothing is built: DIR has the binaries, of the clone's version. For a platform without
// one a stand-in is published, which nothing can load: its package can be found or not found all the same.
// Prints a table: what each manager installed, and what ralloc said. The last line is `N passed, N failed`. Exit code 2: the command line,
// or a tool or disk space that cannot be had. Everything is in target/: the managers stay there, the rest goes.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { fitBinaries } = require('../../__test__/helpers/package/binaries.js');
const { cleanEnv, execute } = require('../../__test__/helpers/package/npm.js');
const { Registry } = require('../../__test__/helpers/package/registry.js');
const { listFiles } = require('../lib/files.js');
const { findToolchain } = require('../lib/cargo.js');
const { Application, HOST, WAYS } = require('./application.js');
const { zigProblem } = require('./get-zig.js');
const { MANAGERS, getManagers } = require('./managers.js');
const { ROOT, TARGETS, binaryName, hostTriple } = require('./targets.js');

const TOOLS = path.join(ROOT, 'target', 'tools', 'managers');
const CANDIDATE = 'rc.1';
const REPOSITORY = 'https://example.test/us/ralloc';

/** What this machine, or the command line, cannot do: one line, and exit code 2. */
class Refused extends Error {}

const triples = Object.keys(TARGETS);

const say = (text) => console.error(text);

function chosen(names) {
  const known = Object.keys(MANAGERS);
  const wanted = names === undefined ? known : names.split(',');
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Refused(`there is no manager "${unknown}"; there are ${known.join(', ')}`);
  return wanted;
}

/** Runs one of the release's own programs. */
function run(root, script, args) {
  const file = path.join(root, 'scripts', 'release', script);
  const { status, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1) || `${script} failed`);
}

/** Why this machine cannot build for a target; undefined if it can. */
function obstacle(triple, { env, problem }) {
  if (problem) return problem;
  const { libc, platform } = TARGETS[triple];
  if (libc === undefined && !platform.startsWith(process.platform))
    return 'another system links it';
  if (libc !== undefined && zigProblem(env)) return zigProblem(env);
  const { stdout } = spawnSync('rustc', ['--print', 'sysroot'], { env, encoding: 'utf8' });
  const std = path.join(stdout.trim(), 'lib', 'rustlib', triple);
  return fs.existsSync(std) ? undefined : 'Rust has no standard library for it here';
}

/** A copy of the clone that calls itself `version`, which its binaries have inside. */
function copyClone(clone, version) {
  for (const file of listFiles(ROOT)) {
    fs.mkdirSync(path.dirname(path.join(clone, file)), { recursive: true });
    fs.copyFileSync(path.join(ROOT, file), path.join(clone, file));
  }
  fs.mkdirSync(path.join(clone, 'target'));
  for (const name of ['node_modules', path.join('target', 'tools')])
    fs.symlinkSync(path.join(ROOT, name), path.join(clone, name), 'junction');
  spawnSync('git', ['init', '-q'], { cwd: clone });
  run(ROOT, 'version.js', [version, '--root', clone]);
}

/** Builds for all targets that can be built here, in `clone`: the platforms that were, and why not the others. */
function buildAll(clone, binaries) {
  const toolchain = findToolchain();
  const built = [];
  for (const triple of triples) {
    const why = obstacle(triple, toolchain);
    const { platform } = TARGETS[triple];
    if (why !== undefined) {
      say(`${platform}: a stand-in, since ${why}`);
      continue;
    }
    run(clone, 'build-release.js', [triple, '--output-dir', binaries]);
    say(`${platform}: built`);
    built.push(platform);
  }
  return built;
}

/** Takes those that are in `folder`; they are published as they are. */
function takeAll(folder, binaries) {
  const platforms = triples.map((triple) => TARGETS[triple].platform);
  const there = platforms.filter((one) => fs.existsSync(path.join(folder, binaryName(one))));
  fs.mkdirSync(binaries);
  for (const one of there)
    fs.copyFileSync(path.join(folder, binaryName(one)), path.join(binaries, binaryName(one)));
  for (const one of platforms) say(`${one}: ${there.includes(one) ? 'taken' : 'a stand-in'}`);
  return there;
}

/** Stages every package, the stand-ins too, and publishes them into a registry. */
async function publish({ clone, binaries, real, work, env }) {
  const [all, staged] = [path.join(work, 'all'), path.join(work, 'staged')];
  fs.mkdirSync(all);
  for (const [name, bytes] of Object.entries(fitBinaries()))
    fs.writeFileSync(path.join(all, name), bytes);
  run(clone, 'stage.js', ['--binaries', all, '--output', staged, '--repository', REPOSITORY]);
  for (const one of real)
    fs.copyFileSync(
      path.join(binaries, binaryName(one)),
      path.join(staged, 'npm', one, binaryName(one)),
    );
  const file = path.join(ROOT, 'scripts', 'release', 'publish.js');
  // npm publishes nothing without a token, and this registry takes any.
  const token = `${env.npm_config_registry.slice(5)}:_authToken=any\n`;
  fs.writeFileSync(env.npm_config_userconfig, token);
  const { code, stderr } = await execute(process.execPath, [file, staged], {
    env: { ...env, PATH: process.env.PATH },
  });
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1));
}

/** Every way with every manager: rows of cells. `failures` gets a line for each that does not work. */
async function installAll(wanted, common) {
  const rows = [];
  const failures = [];
  let passed = 0;
  for (const name of wanted) {
    const cells = [];
    for (const [way, act] of Object.entries(WAYS)) {
      const folder = path.join(common.work, 'apps', name, `${cells.length}`, 'app');
      const home = path.join(path.dirname(folder), 'home');
      fs.mkdirSync(home, { recursive: true });
      const env = cleanEnv(home, common.registry.url);
      try {
        const application = new Application(name, MANAGERS[name], folder, { ...common, env });
        cells.push(await act(application, MANAGERS[name], common));
        if (cells.at(-1) !== '–') passed++;
      } catch (error) {
        cells.push('**fails**');
        failures.push(`FAIL ${name}, ${way}: ${error.message}`);
      }
    }
    rows.push([name, ...cells]);
  }
  return { rows, failures, passed };
}

const line = (cells) => `| ${cells.join(' | ')} |`;

/** A folder of this run alone, which is gone however that ends. */
function workFolder() {
  const target = path.join(ROOT, 'target');
  fs.mkdirSync(target, { recursive: true });
  const work = fs.mkdtempSync(path.join(target, 'rehearsal-'));
  process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  return work;
}

/** The binaries of this run, and of which version they are. */
function binariesOf(given, work) {
  const binaries = path.join(work, 'binaries');
  const { version } = require('../../package.json');
  if (given !== undefined)
    return { clone: ROOT, version, binaries, real: takeAll(given, binaries) };
  const clone = path.join(work, 'clone');
  const candidate = `${version.split('-')[0]}-${CANDIDATE}`;
  copyClone(clone, candidate);
  return { clone, version: candidate, binaries, real: buildAll(clone, binaries) };
}

async function rehearse({ managers, binaries }) {
  const wanted = chosen(managers);
  const given = binaries === undefined ? undefined : path.resolve(binaries);
  const has = (folder) => fs.existsSync(path.join(folder, binaryName(HOST)));
  if (HOST === undefined) throw new Refused('ralloc has no binary for this machine');
  if (given !== undefined && !has(given))
    throw new Refused(`${given} has no ${binaryName(HOST)}, which this machine needs`);
  const why = given === undefined ? obstacle(hostTriple(), findToolchain()) : undefined;
  if (why !== undefined)
    throw new Refused(`${HOST}, which this machine needs, cannot be built: ${why}`);
  const lack = await getManagers(wanted, TOOLS, process.env);
  if (lack !== undefined) throw new Refused(lack);

  const work = workFolder();
  const release = binariesOf(given, work);
  const registry = await new Registry().listen();
  try {
    const home = path.join(work, 'home');
    fs.mkdirSync(home);
    await publish({ ...release, work, env: cleanEnv(home, registry.url) });
    const { version } = release;
    say(`${registry.published.length} packages of ${version} are published on loopback`);
    const spec = `ralloc@${version.includes('-') ? 'next' : 'latest'}`;
    const modules = path.join(TOOLS, 'node_modules');
    const told = await installAll(wanted, { work, registry, modules, spec, version });
    const { rows, failures, passed } = told;
    const titles = ['', ...Object.keys(WAYS)];
    console.log([line(titles), `|${'---|'.repeat(titles.length)}`, ...rows.map(line)].join('\n'));
    for (const failure of failures) console.log(`\n${failure}`);
    console.log(`\n${passed} passed, ${failures.length} failed`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  } finally {
    registry.close();
  }
}

async function main() {
  try {
    const { values } = parseArgs({
      options: { managers: { type: 'string' }, binaries: { type: 'string' } },
    });
    await rehearse(values);
  } catch (error) {
    const isRefused = error instanceof Refused || /^(ERR_PARSE_ARGS|ENOSPC)/.test(error.code);
    console.error(`rehearse: ${error.message}`);
    process.exitCode = isRefused ? 2 : 1;
  }
}

main();
