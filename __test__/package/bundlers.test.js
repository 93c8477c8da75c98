'use strict';
// tier: tools

// Applications in one file, made by esbuild as its users do. A bundler cannot take the binary in:
// where it lies beside the bundle or is installed it is found, else the fallback serves.
// docs/guide/deploying.md has the settings.

const test = require('ava');
const esbuild = require('esbuild');
const fs = require('node:fs');
const { basename, dirname, join } = require('node:path');
const { version } = require('../../package.json');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { builtBinary } = require('../helpers/copy-of-package.js');
const { install, installOnce } = require('../helpers/installed.js');
const { programs, runProgram } = require('../helpers/snippets.js');

const binaryTest = (title, body) =>
  testWhere(builtBinary !== undefined, 'a binary built here', title, body);

const files = {
  'app.cjs': "require('./report.js').report(require('ralloc'));",
  'app.mjs':
    "import * as ralloc from 'ralloc';\nimport { report } from './report.js';\nreport(ralloc);",
  'report.js': fs.readFileSync(join(__dirname, '..', 'fixtures', 'package', 'bundled.js')),
};

// Node has no `require` in modules, and ralloc is CommonJS inside.
const banner = {
  js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
};
const formats = {
  cjs: { format: 'cjs' },
  esm: { format: 'esm', banner },
};
const settings = {
  'no settings': {},
  minify: { minify: true },
  "external: ['*.node']": { external: ['*.node'] },
  "a loader for '.node'": { loader: { '.node': 'copy' } },
};

const without = installOnce({ binary: false, files });
const installed = installOnce({ files });
let bundles = 0;

/** Bundles the application of `folder` into a folder of its own there, without a warning. */
async function bundle(t, folder, { format, ...options }) {
  const isModule = format === 'esm';
  const outfile = join(folder, `${bundles++}`, isModule ? 'bundle.mjs' : 'bundle.cjs');
  const { warnings } = await esbuild.build({
    entryPoints: [join(folder, isModule ? 'app.mjs' : 'app.cjs')],
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
    format,
    outfile,
    ...options,
  });
  t.deepEqual(warnings, []);
  return outfile;
}

/** What the bundle says: { backend, warnings }. */
async function runs(t, path) {
  const env = { RALLOC_BACKEND: '' };
  const { code, stderr, result } = await run(basename(path), { path, env });
  t.is(code, 0, stderr);
  t.true(result.works);
  t.is(result.told, 'use-after-reset');
  t.is(result.version, version);
  return result;
}

async function isNative(t, path) {
  const { backend, warnings } = await runs(t, path);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
}

for (const [format, how] of Object.entries(formats)) {
  test(`a bundle (${format}) without a binary: the fallback serves with one warning`, async (t) => {
    const { backend, warnings } = await runs(t, await bundle(t, without(), how));
    t.is(backend, 'js');
    t.is(warnings.length, 1);
    t.is(warnings[0].code, 'RALLOC_JS_BACKEND');
    t.regex(warnings[0].message, / (?:@ralloc\/[\w-]+ is not installed\.|ralloc has no binary) /);
  });

  for (const [what, more] of Object.entries(settings)) {
    binaryTest(`a bundle (${format}, ${what}) beside the binary: memory is native`, async (t) => {
      const path = await bundle(t, without(), { ...how, ...more });
      fs.copyFileSync(builtBinary, join(dirname(path), basename(builtBinary)));
      await isNative(t, path);
    });
  }

  binaryTest(`a bundle (${format}) finds the platform's package in node_modules`, async (t) => {
    await isNative(t, await bundle(t, installed(), how));
  });

  binaryTest(`external: ['ralloc'] (${format}) needs nothing else`, async (t) => {
    await isNative(t, await bundle(t, installed(), { format, external: ['ralloc'] }));
  });
}

test('docs/guide/deploying.md has the settings that are tested here', (t) => {
  const docs = fs.readFileSync(
    join(__dirname, '..', '..', 'docs', 'guide', 'deploying.md'),
    'utf8',
  );
  t.true(docs.includes("external: ['ralloc']"));
  t.true(docs.includes(banner.js));
  const shown = programs('docs/guide/deploying.md').filter(({ code }) => code.includes('esbuild'));
  t.is(shown.length, 2, 'which the tests below run');
});

for (const [outfile, entry] of [
  ['dist/app.js', 'app.cjs'],
  ['dist/app.mjs', 'app.mjs'],
]) {
  test(`docs/guide/deploying.md: what makes ${outfile} makes a bundle that runs`, async (t) => {
    const folder = install(t, { files: { ...files, 'app.js': files[entry] } });
    const program = programs('docs/guide/deploying.md').find(({ code }) =>
      code.includes(`'${outfile}'`),
    );
    const there = {
      buildSync: (options) => esbuild.buildSync({ absWorkingDir: folder, ...options }),
    };
    const code = program.code.replace(/^const esbuild = .*$/m, '');
    await runProgram(t, { ...program, code }, { given: { esbuild: there } });
    const { backend } = await runs(t, join(folder, outfile));
    t.is(backend, builtBinary === undefined ? 'js' : 'native');
  });
}
