'use strict';

// node scripts/bundle.js   a part of `npm run build`: puts what the command line needs of other people's libraries into
// lib/cli/dist, which is packed and not committed: the page of `ralloc report`, of page/, the encoder of `ralloc export --pprof`, and the
// parser of `ralloc apply`.
// Licences go with them.

const fs = require('node:fs');
const path = require('node:path');
const { withLock } = require('./lib/lock.js');
const { program } = require('./lib/program.js');

const ROOT = path.join(__dirname, '..');
const DIST = 'lib/cli/dist';

/** What is built, and of what. A browser's bundle is for those of the last two years. */
const BUNDLES = [
  {
    entryPoints: { page: 'page/main.mjs' },
    format: 'iife',
    platform: 'browser',
    target: ['chrome123', 'firefox121', 'safari17.5'],
  },
  { entryPoints: { pprof: 'pprof-format' }, format: 'cjs', platform: 'node', target: 'node20' },
  { entryPoints: { acorn: 'acorn' }, format: 'cjs', platform: 'node', target: 'node20' },
];

const LICENCE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

/** `node_modules/uplot/dist/uPlot.esm.js` → `node_modules/uplot` */
const packageOf = (file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];

/** The licences of all packages that are in a bundle; packages of the same licence share its text. */
function licencesOf(inputs) {
  const folders = [...new Set(inputs.map(packageOf))].filter(Boolean).sort();
  const texts = new Map();
  for (const folder of folders) {
    const { name, version } = JSON.parse(fs.readFileSync(path.join(ROOT, folder, 'package.json')));
    const files = fs.readdirSync(path.join(ROOT, folder)).filter((file) => LICENCE.test(file));
    if (files.length === 0) throw new Error(`${folder} has no licence`);
    const text = files
      .map((file) => fs.readFileSync(path.join(ROOT, folder, file), 'utf8').trim())
      .join('\n\n');
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`]);
  }
  return [...texts].map(([text, names]) => `${names.join(', ')}\n\n${text}\n`).join('\n\n');
}

/** Files appear whole, for tests of other processes read them. */
function write(file, contents) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}`;
  fs.writeFileSync(partial, contents);
  fs.renameSync(partial, file);
}

/** Builds everything into `folder`. */
function bundle(folder = path.join(ROOT, DIST)) {
  const { buildSync } = require('esbuild');
  for (const options of BUNDLES) {
    const { outputFiles, metafile } = buildSync({
      bundle: true,
      minify: true,
      write: false,
      metafile: true,
      legalComments: 'none',
      charset: 'utf8',
      logLevel: 'warning',
      absWorkingDir: ROOT,
      outdir: folder,
      ...options,
    });
    for (const file of outputFiles) write(file.path, file.contents);
    const [name] = Object.keys(options.entryPoints);
    write(path.join(folder, `${name}.licences.txt`), licencesOf(Object.keys(metafile.inputs)));
  }
}

if (require.main === module)
  program(() => {
    const lock = path.join(ROOT, 'target', 'ralloc-bundle.lock');
    withLock(
      lock,
      (line) => process.stderr.write(`ralloc: ${line}\n`),
      () => bundle(),
    );
  });

module.exports = { DIST, bundle };
