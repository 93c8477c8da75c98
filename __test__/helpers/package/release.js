'use strict';

// A release as users would get it, from the binary of this host.

const fs = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { TARGETS, binaryName, hostTriple } = require('../../../scripts/release/targets.js');
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

/** Stages the packages of all platforms in `folder`. Other hosts' binaries are a line of text here. */
async function stage(folder) {
  const binaries = join(folder, 'binaries');
  fs.mkdirSync(binaries);
  for (const one of Object.values(TARGETS)) {
    fs.writeFileSync(join(binaries, binaryName(one.platform)), 'not for this machine\n');
  }
  const binary = hostBinary();
  if (binary !== undefined) fs.copyFileSync(binary, join(binaries, binaryName(platform)));
  const staged = join(folder, 'staged');
  const args = ['scripts/release/stage.js', '--binaries', binaries, '--output', staged];
  const { code, stderr } = await execute(process.execPath, args, { cwd: root });
  if (code !== 0) throw new Error(stderr);
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

module.exports = { hostBinary, pack, platform, root, stage, temporary };
