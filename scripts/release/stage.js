'use strict';

// node scripts/release/stage.js --output DIR --repository URL [--binaries DIR]
// Puts the packages into DIR as they are published: ralloc in DIR itself, a platform's in DIR/npm/<platform>. ralloc's optionalDependencies, all of its own version, are written here and not in the clone,
// where `npm install` would ask for packages that are not published yet; and so is everything that names the
// repository. A binary of every platform must be in --binaries (artifacts/).
// DIR is there when all of it is, and not before.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { FOLDERS, bundle } = require('../bundle.js');
const { program } = require('../lib/program.js');
const { isFor } = require('./check-binary.js');
const { withLinks } = require('./links.js');
const {
  platformManifest,
  platformReadme,
  publishedManifest,
  webAddress,
} = require('./manifest.js');
const { reference } = require('./reference.js');
const { PLATFORMS, ROOT, binaryName } = require('./targets.js');

const ALWAYS_PACKED = ['README.md', 'LICENSE'];

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const writeJson = (file, value) => fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** Throws unless every binary is there, and is what its name says. build-release.js has checked more. */
function checkBinaries(binaries, platforms) {
  const fileOf = (platform) => path.join(binaries, binaryName(platform));
  const there = platforms.filter((platform) => fs.existsSync(fileOf(platform)));
  const wrong = there.filter((platform) => !isFor(platform, fs.readFileSync(fileOf(platform))));
  const missing = platforms.filter((platform) => !there.includes(platform));
  const tell = (what, list) => {
    if (list.length > 0)
      throw new Error(`${what} in ${binaries}: ${list.map(binaryName).join(', ')}`);
  };
  tell('Missing artifacts', missing);
  tell('No libraries for their platforms', wrong);
}

/** Documents have links; all else is copied as it is. */
function copy(file, output, links) {
  fs.mkdirSync(path.dirname(path.join(output, file)), { recursive: true });
  if (file.endsWith('.md')) fs.writeFileSync(path.join(output, file), withLinks(ROOT, file, links));
  else fs.copyFileSync(path.join(ROOT, file), path.join(output, file));
}

function writeAll(output, files) {
  for (const [file, text] of files) {
    fs.mkdirSync(path.dirname(path.join(output, file)), { recursive: true });
    fs.writeFileSync(path.join(output, file), text);
  }
}

/** Every file of a file or folder of the clone. */
function filesIn(name) {
  if (!fs.statSync(path.join(ROOT, name)).isDirectory()) return [name];
  return fs
    .readdirSync(path.join(ROOT, name))
    .sort()
    .flatMap((one) => filesIn(path.posix.join(name, one)));
}

/** `!docs/*.svg` as an expression: a `*` is a part of one name. */
const patternOf = (excluded) =>
  new RegExp(`^${excluded.slice(1).replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`);

function stageMain(output, manifest, web) {
  const published = publishedManifest(manifest, web);
  const kept = manifest.files.filter((pattern) => !pattern.startsWith('!'));
  const left = manifest.files.filter((pattern) => pattern.startsWith('!')).map(patternOf);
  // What is bundled is bundled anew: a clone's may be older than its sources.
  const isLeft = (file) =>
    FOLDERS.some((folder) => file.startsWith(`${folder}/`)) ||
    left.some((pattern) => pattern.test(file));
  const files = [...kept, ...ALWAYS_PACKED].flatMap(filesIn).filter((file) => !isLeft(file));
  const packed = (file) => files.includes(file) || files.some((one) => one.startsWith(`${file}/`));
  for (const file of files) copy(file, output, { packed, web, version: manifest.version });
  writeAll(output, reference(ROOT));
  bundle(output);
  writeJson(path.join(output, 'package.json'), published);
}

function stagePlatform(output, platform, binaries, manifest, web) {
  const to = path.join(output, 'npm', platform);
  const binary = binaryName(platform);
  fs.mkdirSync(to, { recursive: true });
  writeJson(path.join(to, 'package.json'), platformManifest(platform, manifest, web));
  fs.writeFileSync(path.join(to, 'README.md'), platformReadme(platform));
  fs.copyFileSync(path.join(ROOT, 'LICENSE'), path.join(to, 'LICENSE'));
  fs.copyFileSync(path.join(binaries, binary), path.join(to, binary));
}

function checkEmpty(folder) {
  if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0)
    throw new Error(`${folder} is not empty`);
}

/** Calls `fill` with a new folder, which becomes `output` if that ends well, and is gone if it does not. */
function wholeOrNothing(output, fill) {
  fs.mkdirSync(path.dirname(output), { recursive: true });
  const partial = fs.mkdtempSync(`${output}.partial-`);
  try {
    fill(partial);
    fs.chmodSync(partial, 0o755); // mkdtemp lets nobody else in
    fs.rmSync(output, { recursive: true, force: true }); // empty, if it is there
    fs.renameSync(partial, output);
  } catch (error) {
    fs.rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

function stage({ output, binaries, repository }) {
  const web = webAddress(repository);
  const manifest = readJson(path.join(ROOT, 'package.json'));
  const platforms = Object.keys(PLATFORMS);
  checkEmpty(output);
  checkBinaries(binaries, platforms);
  wholeOrNothing(output, (partial) => {
    stageMain(partial, manifest, web);
    for (const platform of platforms) stagePlatform(partial, platform, binaries, manifest, web);
  });
}

function main() {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      binaries: { type: 'string', default: 'artifacts' },
      repository: { type: 'string' },
    },
  });
  const { output, binaries, repository } = values;
  // `npm publish` in the clone ends here, too.
  if (output === undefined || repository === undefined) {
    throw new Error(
      'ralloc is published from a staged copy: node scripts/release/stage.js --output DIR --repository URL',
    );
  }
  stage({ output: path.resolve(output), binaries: path.resolve(binaries), repository });
}

program(main);
