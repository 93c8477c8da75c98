'use strict';

// node scripts/release/stage.js --output DIR [--binaries DIR] [--repository URL]
// Puts the packages into DIR as they are published: ralloc in DIR itself, a platform's in DIR/npm/<platform>.
// ralloc's optionalDependencies, all of its own version, are written here and not in the clone, where
// `npm install` would ask for packages that are not published yet. A binary of every target of package.json
// must be in --binaries (artifacts/).

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { findNapi } = require('../lib/napi.js');
const { program } = require('./program.js');
const { ROOT, TARGETS, binaryName } = require('./targets.js');

/** What only the clone needs. */
const OF_THE_CLONE = ['napi', 'scripts', 'devDependencies', 'ava', 'c8', 'tsd'];

const ALWAYS_PACKED = ['README.md', 'LICENSE'];

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const writeJson = (file, value) => fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

function napi(folder, ...args) {
  const program = findNapi(ROOT);
  if (!program) throw new Error('@napi-rs/cli is not installed (npm install)');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`napi ${args[0]} failed:\n${stdout}${stderr}`);
}

/** The package as it is in the clone. Provenance wants to know the repository, which a fork changes. */
function copyPackage(folder, manifest, repository) {
  fs.mkdirSync(folder, { recursive: true });
  if (fs.readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const files = manifest.files.filter((pattern) => !pattern.startsWith('!'));
  for (const file of [...files, ...ALWAYS_PACKED]) {
    fs.cpSync(path.join(ROOT, file), path.join(folder, file), { recursive: true });
  }
  const copy = { ...manifest };
  if (repository !== undefined) copy.repository = { type: 'git', url: repository };
  writeJson(path.join(folder, 'package.json'), copy);
}

/** napi names a platform's package `<packageName>-<platform>`; ours are `@ralloc/<platform>`. */
function rename(folder, { name, platform }) {
  const own = path.join(folder, 'npm', platform);
  const manifest = { ...readJson(path.join(own, 'package.json')), name };
  manifest.description = `The binary of ralloc for ${platform}`;
  writeJson(path.join(own, 'package.json'), manifest);
  fs.writeFileSync(
    path.join(own, 'README.md'),
    `# ${name}\n\nThe binary of [ralloc](https://www.npmjs.com/package/ralloc) for ${platform}. Install \`ralloc\`; npm adds this package where it fits.\n`,
  );
  fs.copyFileSync(path.join(ROOT, 'LICENSE'), path.join(own, 'LICENSE'));
}

/** What users install: no word of how it is built, and the binaries' packages of the same version. */
function finish(folder, platforms) {
  const file = path.join(folder, 'package.json');
  const manifest = readJson(file);
  for (const key of OF_THE_CLONE) delete manifest[key];
  manifest.optionalDependencies = Object.fromEntries(
    platforms.map(({ name }) => [name, manifest.version]),
  );
  writeJson(file, manifest);
}

function stage({ output, binaries, repository }) {
  const manifest = readJson(path.join(ROOT, 'package.json'));
  const platforms = manifest.napi.targets.map((triple) => {
    const { platform } = TARGETS[triple];
    return { platform, name: `@ralloc/${platform}` };
  });
  copyPackage(output, manifest, repository);
  napi(output, 'create-npm-dirs');
  napi(output, 'artifacts', '--output-dir', binaries);
  napi(output, 'pre-publish', '-t', 'npm', '--no-gh-release', '--skip-optional-publish');
  for (const one of platforms) {
    rename(output, one);
    // napi puts it into the main package's folder as well.
    fs.rmSync(path.join(output, binaryName(one.platform)));
  }
  finish(output, platforms);
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
