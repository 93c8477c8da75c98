'use strict';

// What ava loads in the process of each test file, as one file instead of 400: half of the CPU time
// that such a process takes to start. Made once for each package-lock.json, in target/.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
/** Of this name, so that ava leaves its frames out of a failure's trace. */
const FOLDER = path.join(ROOT, 'target', 'node_modules', 'ava');

/** Of globs and snapshots, which no test uses. */
const UNUSED = ['cbor', 'globby', 'picomatch'];
const EMPTY = path.join(FOLDER, 'empty.cjs');

/** A test that requires ava gets what the worker has, not a second copy. */
const ENTRY = `
  import { createRequire } from 'node:module';
  import { flags, refs } from './node_modules/ava/lib/worker/state.cjs';

  const { cache, resolve } = createRequire(process.cwd() + '/');
  const id = resolve('ava');
  cache[id] = {
    id,
    loaded: true,
    get exports() {
      flags.loadedMain = true;
      return refs.runnerChain;
    },
  };
  await import('./node_modules/ava/lib/worker/base.js');
`;

const REQUIRE = `import { createRequire as toRequire } from 'node:module';
const require = toRequire(import.meta.url);`;

function bundle(file) {
  const { buildSync } = require('esbuild');
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(EMPTY, '');
  const [{ contents }] = buildSync({
    stdin: { contents: ENTRY, resolveDir: ROOT },
    alias: Object.fromEntries(UNUSED.map((name) => [name, EMPTY])),
    banner: { js: REQUIRE },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  }).outputFiles;
  const partial = `${file}.${process.pid}`;
  fs.writeFileSync(partial, contents);
  fs.renameSync(partial, file); // it appears whole, for two may run at once
}

/** Its file, or null where esbuild does not run: on a platform of another processor or system. */
function avaWorker() {
  const hash = createHash('sha1');
  for (const source of [__filename, path.join(ROOT, 'package-lock.json')])
    hash.update(fs.readFileSync(source));
  const file = path.join(FOLDER, `worker-${hash.digest('hex').slice(0, 8)}.mjs`);
  try {
    if (!fs.existsSync(file)) bundle(file);
    return file;
  } catch {
    return null;
  }
}

module.exports = { avaWorker };
