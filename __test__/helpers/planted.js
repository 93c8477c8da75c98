'use strict';

// The applications of fixtures/tools/recorder/planted/: each has one line that matters, marked `// planted`, and tells at its end what
// really happened there.

const fs = require('node:fs');
const { basename, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const esbuild = require('esbuild');
const { fixturePath } = require('./child.js');
const { ralloc } = require('./profile.js');

const PLANTED = fixturePath('tools/recorder/planted');

/** Compiles with a source map beside it, and leaves the source where the map says. */
function compile(file) {
  const out = file.replace(/\.ts$/, '.js');
  const options = { loader: 'ts', format: 'cjs', sourcemap: true, sourcefile: basename(file) };
  const { code, map } = esbuild.transformSync(fs.readFileSync(file, 'utf8'), options);
  fs.writeFileSync(out, `${code}//# sourceMappingURL=${basename(out)}.map\n`);
  fs.writeFileSync(`${out}.map`, map);
  return out;
}

/** Puts an application into a folder, with its dependency installed: { program, source, line }. */
function plant(dir, name) {
  const source = join(dir, name);
  fs.cpSync(PLANTED, dir, { recursive: true });
  fs.renameSync(join(dir, 'modules'), join(dir, 'node_modules'));
  const lines = fs.readFileSync(source, 'utf8').split('\n');
  const line = 1 + lines.findIndex((text) => text.endsWith('// planted'));
  return { program: name.endsWith('.ts') ? compile(source) : source, source, line };
}

/** Runs it under `ralloc profile`: { file, truth }. */
async function record({ program }, file, options = []) {
  const command = ['profile', '-o', file, ...options, '--', process.execPath, program];
  const { code, result, stderr } = await ralloc(command);
  if (code !== 0) throw new Error(stderr);
  return { file, truth: result };
}

const urlOf = (file) => pathToFileURL(file).href;

module.exports = { plant, record, urlOf };
