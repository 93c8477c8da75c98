'use strict';

// node scripts/release/stage.js --output DIR [--binaries DIR] [--repository URL]
// Puts the packages into DIR as they are published: ralloc in DIR itself, a platform's, from npm/, in
// DIR/npm/<platform>. ralloc's optionalDependencies, all of its own version, are written here and not in the clone,
// where `npm install` would ask for packages that are not published yet. A binary of every target of package.json
// must be in --binaries (artifacts/).

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('../lib/program.js');
const { ROOT, TARGETS, binaryName, packageName } = require('./targets.js');

/** What only the clone needs. */
const OF_THE_CLONE = ['napi', 'scripts', 'devDependencies', 'overrides', 'ava', 'c8', 'tsd'];

const ALWAYS_PACKED = ['README.md', 'LICENSE'];

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const writeJson = (file, value) => fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

function makeEmpty(folder) {
  fs.mkdirSync(folder, { recursive: true });
  if (fs.readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
}

function checkBinaries(binaries, platforms) {
  const files = platforms.map((platform) => path.join(binaries, binaryName(platform)));
  const missing = files.filter((file) => !fs.existsSync(file)).map((file) => path.basename(file));
  if (missing.length > 0)
    throw new Error(`Missing artifacts in ${binaries}: ${missing.join(', ')}`);
}

/** What users install: no word of how it is built, and the binaries' packages of the same version. */
function stageMain(output, manifest, platforms, provenance) {
  const files = manifest.files.filter((pattern) => !pattern.startsWith('!'));
  for (const file of [...files, ...ALWAYS_PACKED]) {
    fs.cpSync(path.join(ROOT, file), path.join(output, file), { recursive: true });
  }
  const optionalDependencies = Object.fromEntries(
    platforms.map((platform) => [packageName(platform), manifest.version]),
  );
  const copy = { ...manifest, ...provenance, optionalDependencies };
  for (const key of OF_THE_CLONE) delete copy[key];
  writeJson(path.join(output, 'package.json'), copy);
}

function stagePlatform(output, platform, binaries, provenance) {
  const [from, to] = [ROOT, output].map((root) => path.join(root, 'npm', platform));
  const binary = binaryName(platform);
  fs.mkdirSync(to, { recursive: true });
  writeJson(path.join(to, 'package.json'), {
    ...readJson(path.join(from, 'package.json')),
    ...provenance,
  });
  fs.copyFileSync(path.join(from, 'README.md'), path.join(to, 'README.md'));
  fs.copyFileSync(path.join(ROOT, 'LICENSE'), path.join(to, 'LICENSE'));
  fs.copyFileSync(path.join(binaries, binary), path.join(to, binary));
}

function stage({ output, binaries, repository }) {
  const manifest = readJson(path.join(ROOT, 'package.json'));
  const platforms = manifest.napi.targets.map((triple) => TARGETS[triple].platform);
  // Provenance wants to know the repository, which a fork changes.
  const provenance =
    repository === undefined ? {} : { repository: { type: 'git', url: repository } };
  makeEmpty(output);
  checkBinaries(binaries, platforms);
  stageMain(output, manifest, platforms, provenance);
  for (const platform of platforms) stagePlatform(output, platform, binaries, provenance);
}

function main() {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      binaries: { type: 'string', default: 'artifacts' },
      repository: { type: 'string' },
    },
  });
  const { output, binaries, ...rest } = values;
  // `npm publish` in the clone ends here, too.
  if (output === undefined) {
    throw new Error(
      'ralloc is published from a staged copy: node scripts/release/stage.js --output DIR',
    );
  }
  stage({ output: path.resolve(output), binaries: path.resolve(binaries), ...rest });
}

program(main);
