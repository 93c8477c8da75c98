'use strict';

// The compiler's command, of one of the TypeScripts of this clone.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');

/** `file:line` → error, as the compiler reports them. */
async function compile(folder, typescript, config = 'tsconfig.json') {
  const tsc = join(__dirname, '..', '..', '..', 'node_modules', typescript, 'bin', 'tsc');
  const child = spawn(process.execPath, [tsc, '--pretty', 'false', '--project', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  const found = output.matchAll(/^(?:(\S+?)\((\d+),\d+\): )?error (TS\d+)/gm);
  return new Map([...found].map(([, file, line, code]) => [`${file}:${line}`, code]));
}

module.exports = { compile };
