'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { execute, once } = require('./brought.js');

/** Unpacks a package of npm's into the empty folder `part`. */
function unpack(part, spec) {
  execute('npm', ['pack', '--silent', spec], {
    cwd: part,
    shell: process.platform === 'win32',
  });
  const [file] = fs.readdirSync(part);
  execute('tar', ['-xzf', file, '--strip-components=1'], { cwd: part });
  fs.rmSync(path.join(part, file));
}

/** Node for a platform (`linux-arm64`), from npm's package that has its program in it; `program` is where it shall be. */
async function bringNode(platform, major, program) {
  const folder = path.dirname(path.dirname(program));
  await once(folder, (part) => unpack(part, `node-${platform}@${major}`));
}

module.exports = { bringNode, unpack };
