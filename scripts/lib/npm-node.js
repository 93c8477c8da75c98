'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { execute, once } = require('./brought.js');

/** Packages that tests load, and that have a package with a binary for each platform: node_modules has those of this machine alone. */
const WITH_BINARIES = ['esbuild', 'sharp', 'snappy'];

const npm = (args, cwd) => execute('npm', args, { cwd, shell: process.platform === 'win32' });

/** Unpacks a package of npm's into the empty folder `part`. */
function unpack(part, spec) {
  npm(['pack', '--silent', spec], part);
  const [file] = fs.readdirSync(part);
  execute('tar', ['-xzf', file, '--strip-components=1'], { cwd: part });
  fs.rmSync(path.join(part, file));
}

/** Node for a platform (`linux-arm64`), from npm's package that has its program in it; `program` is where it shall be. */
async function bringNode(platform, major, program) {
  const folder = path.dirname(path.dirname(program));
  await once(folder, (part) => unpack(part, `node-${platform}@${major}`));
}

const modulesOf = (tools, name) => path.join(tools, `modules-${name}`);

/** What the tests' own packages have for a platform (`{ os, cpu, libc }`, as npm names them), where NODE_PATH has Node look for it last. */
async function bringModules(tools, name, platform) {
  await once(modulesOf(tools, name), (part) => {
    const { packages } = require('../../package-lock.json');
    const specs = WITH_BINARIES.map((one) => `${one}@${packages[`node_modules/${one}`].version}`);
    const options = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund'];
    const where = Object.entries(platform).map(([key, value]) => `--${key}=${value}`);
    fs.writeFileSync(path.join(part, 'package.json'), '{}');
    npm(['install', '--silent', ...options, ...where, ...specs], part);
  });
}

const modulesEnv = (tools, name) => ({
  NODE_PATH: path.join(modulesOf(tools, name), 'node_modules'),
});

module.exports = { bringModules, bringNode, modulesEnv, unpack };
