'use strict';

// npm run release:rehearse [-- --managers NAME,… --binaries DIR]
// A release from its build to its users: builds this machine's binary, stages all packages, publishes them into a registry on loopback, and
// installs from it with the package managers that people have (managers.js; all, or those named). With --binaries nothing is built: DIR has
// the binaries. For a platform without one a stand-in is published, which nothing can load: its package can be found or not found all the
// same. Prints a table: what each manager installed, and what ralloc said. The last line is `N passed, N failed`. Everything is in target/:
// the managers stay there, the rest goes.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { fitBinaries } = require('../../__test__/helpers/package/binaries.js');
const { cleanEnv, execute } = require('../../__test__/helpers/package/npm.js');
const { Registry } = require('../../__test__/helpers/package/registry.js');
const { program } = require('../lib/program.js');
const { Application, HOST, WAYS } = require('./application.js');
const { MANAGERS, getManagers } = require('./managers.js');
const { ROOT, binaryName } = require('./targets.js');

const TOOLS = path.join(ROOT, 'target', 'tools', 'managers');
const REPOSITORY = 'https://example.test/us/ralloc';

function chosen(names) {
  const known = Object.keys(MANAGERS);
  const wanted = names === undefined ? known : names.split(',');
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no manager "${unknown}"; there are ${known.join(', ')}`);
  return wanted;
}

/** Runs one of the release's own programs. */
async function run(script, args, env = process.env) {
  const file = path.join(__dirname, script);
  const { code, stderr } = await execute(process.execPath, [file, ...args], { cwd: ROOT, env });
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1) || `${script} failed`);
}

/** A folder of this run alone, which is gone however that ends. */
function workFolder() {
  const target = path.join(ROOT, 'target');
  fs.mkdirSync(target, { recursive: true });
  const work = fs.mkdtempSync(path.join(target, 'rehearsal-'));
  process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
  return work;
}

/** Every binary: those of `given`, or the one that is built here, and stand-ins for the others. @returns their folder */
async function prepare(work, given) {
  const binaries = path.join(work, 'binaries');
  fs.mkdirSync(binaries);
  if (given === undefined) await run('build-release.js', ['--output-dir', binaries]);
  for (const [name, standIn] of Object.entries(fitBinaries())) {
    const [file, real] = [binaries, given ?? binaries].map((folder) => path.join(folder, name));
    const isReal = fs.existsSync(real);
    if (!isReal) fs.writeFileSync(file, standIn);
    else if (real !== file) fs.copyFileSync(real, file);
    console.error(`${name}: ${isReal ? 'taken' : 'a stand-in'}`);
  }
  return binaries;
}

/** Stages every package and publishes it into a registry. */
async function publish(work, binaries, registry) {
  const staged = path.join(work, 'staged');
  await run('stage.js', ['--binaries', binaries, '--output', staged, '--repository', REPOSITORY]);
  const home = path.join(work, 'home');
  fs.mkdirSync(home);
  const env = cleanEnv(home, registry.url);
  // npm publishes nothing without a token, and this registry takes any.
  fs.writeFileSync(env.npm_config_userconfig, `${registry.url.slice(5)}:_authToken=any\n`);
  await run('publish.js', [staged], { ...env, PATH: process.env.PATH });
  console.error(`${registry.published.length} packages are published on loopback`);
}

/** One manager's row of the table; `failures` gets a line for each way that does not work. */
async function installBy(name, failures, { work, registry, version }) {
  const cells = [];
  for (const [way, act] of Object.entries(WAYS)) {
    const home = path.join(work, 'apps', name, `${cells.length}`, 'home');
    fs.mkdirSync(home, { recursive: true });
    const modules = path.join(TOOLS, 'node_modules');
    const env = cleanEnv(home, registry.url);
    try {
      const app = new Application(name, path.join(path.dirname(home), 'app'), { modules, env });
      cells.push(await act(app, MANAGERS[name], version));
    } catch (error) {
      cells.push('**fails**');
      failures.push(`FAIL ${name}, ${way}: ${error.message}`);
    }
  }
  return [name, ...cells];
}

const line = (cells) => `| ${cells.join(' | ')} |`;

program(async () => {
  const { values } = parseArgs({
    options: { managers: { type: 'string' }, binaries: { type: 'string' } },
  });
  const wanted = chosen(values.managers);
  const given = values.binaries === undefined ? undefined : path.resolve(values.binaries);
  if (HOST === undefined) throw new Error('ralloc has no binary for this machine');
  if (given !== undefined && !fs.existsSync(path.join(given, binaryName(HOST))))
    throw new Error(`${given} has no ${binaryName(HOST)}, which this machine needs`);
  await getManagers(wanted, TOOLS, process.env);

  const work = workFolder();
  const { version } = require('../../package.json');
  const registry = await new Registry().listen();
  try {
    await publish(work, await prepare(work, given), registry);
    const titles = ['', ...Object.keys(WAYS)];
    console.log(`${line(titles)}\n|${'---|'.repeat(titles.length)}`);
    const failures = [];
    let passed = 0;
    for (const name of wanted) {
      const row = await installBy(name, failures, { work, registry, version });
      passed += row.slice(1).filter((cell) => !['–', '**fails**'].includes(cell)).length;
      console.log(line(row));
    }
    for (const failure of failures) console.log(`\n${failure}`);
    console.log(`\n${passed} passed, ${failures.length} failed`);
    process.exitCode = failures.length === 0 ? 0 : 1;
  } finally {
    registry.close();
  }
});
