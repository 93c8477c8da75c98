'use strict';

// The TypeScripts of this clone as compilers of projects: the newest one's command, and the oldest one in a child (fixtures/package/compiler.js)
// that reads Node's types once for all projects of a test file.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { after } = require('ava');
const { start } = require('../child.js');

const OLDEST = 'typescript-5.4';
const NEWEST = 'typescript-latest';

const TSC = join(__dirname, '..', '..', '..', 'node_modules', NEWEST, 'bin', 'tsc');

let compiler;

/** Asks the oldest, which runs from then until the tests are over. */
function askOldest(asked) {
  compiler ??= start('package/compiler.js', { execArgv: ['--max-semi-space-size=64'] });
  return compiler.ask(asked);
}

after.always('the compiler ends', () => compiler?.stop());

async function askNewest({ folder, config }) {
  const child = spawn(process.execPath, [TSC, '--pretty', 'false', '--project', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  const found = [...output.matchAll(/^(?:(\S+?)\((\d+),\d+\): )?error (TS\d+)/gm)];
  if (code !== 0 && found.length === 0) throw new Error(`tsc ended with ${code}: ${output}`);
  return found.map(([, file, line, code]) => [`${file}:${line}`, code]);
}

/** `file:line` → error, as the compiler reports them; what the project emits is written. */
async function compile(folder, typescript, config = 'tsconfig.json') {
  const ask = { [OLDEST]: askOldest, [NEWEST]: askNewest }[typescript];
  return new Map(await ask({ folder, config }));
}

module.exports = { OLDEST, NEWEST, TSC, compile, askOldest };
