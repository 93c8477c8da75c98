'use strict';

// A release as users would get it, from the binary of this host.

const fs = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { TARGETS, binaryName, hostTriple } = require('../../../scripts/release/targets.js');
const { fitBinaries } = require('./binaries.js');
const { cleanEnv, execute, npm } = require('./npm.js');

const root = join(__dirname, '..', '..', '..');
const { platform } = TARGETS[hostTriple()] ?? {};

/** The binary to release: of RALLOC_BINARIES, a folder of released ones, or else what was built here. */
function hostBinary() {
  if (platform === undefined) return undefined;
  const file = join(process.env.RALLOC_BINARIES ?? root, binaryName(platform));
  if (fs.existsSync(file)) return file;
  if (process.env.RALLOC_BINARIES !== undefined) throw new Error(`there is no ${file}`);
  return undefined;
}

/** A folder for all that a release needs; the caller removes it. */
const temporary = () => fs.realpathSync(fs.mkdtempSync(join(os.tmpdir(), 'ralloc-release-')));

/** Where the sources of these releases are said to be. */
const repository = 'https://example.test/us/ralloc';

/** Fills a folder with a binary for every platform, but for `changes` (name → bytes, undefined for none there). */
function writeBinaries(folder, changes = {}) {
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries({
    ...fitBinaries(),
    ...changes,
  }))
    if (bytes !== undefined) fs.writeFileSync(join(folder, name), bytes);
}

/** Runs stage.js: { code, stdout, stderr }. */
function runStage(binaries, output, options = ['--repository', repository]) {
  const program = join(root, 'scripts', 'release', 'stage.js');
  const args = [program, '--binaries', binaries, '--output', output, ...options];
  return execute(process.execPath, args, { cwd: root });
}

/** Stages the packages of all platforms in `folder`. */
async function stage(folder) {
  const binaries = join(folder, 'binaries');
  writeBinaries(binaries);
  const staged = join(folder, 'staged');
  const { code, stderr } = await runStage(binaries, staged);
  if (code !== 0) throw new Error(stderr);
  // What is built in a clone is not fit to be released: it asks for this machine's C library.
  const binary = hostBinary();
  if (binary !== undefined)
    fs.copyFileSync(binary, join(staged, 'npm', platform, binaryName(platform)));
  return staged;
}

/** Packs every staged package: [{ manifest, files, bytes }], ralloc first. */
async function pack(folder, staged) {
  const env = cleanEnv(folder);
  const folders = [
    staged,
    ...fs.readdirSync(join(staged, 'npm')).map((one) => join(staged, 'npm', one)),
  ];
  const packed = JSON.parse(
    await npm(['pack', '--json', '--pack-destination', folder, ...folders], { cwd: folder, env }),
  );
  const list = Array.isArray(packed) ? packed : Object.values(packed);
  return folders.map((one) => {
    const manifest = JSON.parse(fs.readFileSync(join(one, 'package.json'), 'utf8'));
    const { filename, files } = list.find(({ name }) => name === manifest.name);
    return {
      manifest,
      files: files.map(({ path }) => path).sort(),
      bytes: fs.readFileSync(join(folder, filename)),
    };
  });
}

module.exports = {
  hostBinary,
  pack,
  platform,
  repository,
  root,
  runStage,
  stage,
  temporary,
  writeBinaries,
};
