'use strict';

// node scripts/bundle.js a part of `npm run build`: puts what is needed of other people's libraries
// into folders that are packed and not committed: the page of `ralloc report`, of
// tools/report/page/, the encoder of `ralloc merge --pprof`, the diffs of `ralloc apply`, and the
// parser of tables. Licences go with them.

const fs = require('node:fs');
const path = require('node:path');
const { withLock } = require('./lib/lock.js');
const { program } = require('./lib/program.js');

const ROOT = path.join(__dirname, '..');
const OF_CLI = 'tools/cli/dist';
const OF_PLACEMENT = 'tools/placement/dist';
const FOLDERS = [OF_CLI, OF_PLACEMENT];

const FOR_NODE = { format: 'cjs', platform: 'node', target: 'node20' };

/** What is built, where, and of what. A browser's bundle is for those of the last two years. */
const BUNDLES = [
  {
    outdir: OF_CLI,
    entryPoints: { page: 'tools/report/page/main.mjs' },
    format: 'iife',
    platform: 'browser',
    target: ['chrome123', 'firefox121', 'safari17.5'],
  },
  { outdir: OF_CLI, entryPoints: { pprof: 'pprof-format' }, ...FOR_NODE },
  { outdir: OF_CLI, entryPoints: { diff: 'diff' }, ...FOR_NODE },
  { outdir: OF_PLACEMENT, entryPoints: { acorn: 'acorn' }, ...FOR_NODE },
];

const LICENCE = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

/** `node_modules/uplot/dist/uPlot.esm.js` → `node_modules/uplot` */
const packageOf = (file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];

/**
 * The licences of all packages that are in a bundle; packages of the same licence share its text.
 */
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

/** Builds everything, into the folders of `root`. */
function bundle(root = ROOT) {
  const { buildSync } = require('esbuild');
  for (const { outdir, ...options } of BUNDLES) {
    const folder = path.join(root, outdir);
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

module.exports = { FOLDERS, bundle };
