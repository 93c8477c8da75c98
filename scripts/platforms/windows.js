'use strict';

// Windows on x64: built with MinGW, npm's Node for it, run by Debian's Wine in a home of its own. Wine 8 starts Node 22; 24's
// program ends in an exception there.

const { version: ESBUILD } = require('esbuild/package.json');
const fs = require('node:fs');
const path = require('node:path');
const { execute, once } = require('../lib/brought.js');
const { ADDON, MOST_MS, bringCross, crossEnv, placeBinary } = require('../lib/cross-build.js');
const { debian } = require('../lib/debian.js');
const { bringNode, unpack } = require('../lib/npm-node.js');

const TRIPLE = 'x86_64-pc-windows-gnu';
const BINARY = 'ralloc.win32-x64-msvc.node'; // as Node asks for it; C's calling convention is the same
const PREFIX = 'x86_64-w64-mingw32';
const LIBRARIES = ['usr', 'lib', 'x86_64-linux-gnu'];

const REPAIRS = path.join(__dirname, '..', 'lib', 'wine-repairs.js');

const wineOf = (tools) => path.join(tools, 'wine');
const homeOf = (tools) => path.join(tools, 'wine-home', 'prefix');
const nodeOf = (tools, node) => path.join(tools, `node-${node}-win`, 'bin', 'node.exe');
/** Tests compile sources; node_modules has the program for this machine alone. */
const esbuildOf = (tools) => path.join(tools, `esbuild-${ESBUILD}-win`, 'esbuild.exe');
const gnuOf = (tools) => path.join(tools, 'mingw');
const importsOf = (tools) => path.join(tools, 'node-imports');

/** A program of MinGW's. */
const gnu = (tools, name) => path.join(gnuOf(tools), 'usr', 'bin', `${PREFIX}-${name}`);

const librariesOf = (folder) => path.join(folder, ...LIBRARIES);

const gnuEnv = (tools) => ({ ...process.env, LD_LIBRARY_PATH: librariesOf(gnuOf(tools)) });

/** `libnode.dll.a`: the functions of Node-API, which are in node.exe itself. napi-build looks for an (empty) DLL beside it. */
async function bringImports(tools) {
  await once(importsOf(tools), (part) => {
    unpack(part, 'node-api-headers@1');
    const symbols = require(path.join(part, 'symbols.js'));
    const names = new Set(
      Object.values(symbols).flatMap((one) => [
        ...one.js_native_api_symbols,
        ...one.node_api_symbols,
      ]),
    );
    const definition = path.join(part, 'node_api.def');
    fs.writeFileSync(definition, `NAME NODE.EXE\nEXPORTS\n${[...names].join('\n')}\n`);
    const library = path.join(part, 'libnode.dll.a');
    execute(gnu(tools, 'dlltool'), ['-d', definition, '-D', 'node.exe', '-l', library], {
      env: gnuEnv(tools),
    });
    fs.writeFileSync(path.join(part, 'libnode.dll'), '');
  });
}

/** Rust's standard library takes random numbers from bcryptprimitives.dll, which Wine 8 does not have: one function, over what it has. */
const PRIMITIVES = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL ProcessPrng(PBYTE bytes, SIZE_T length) {
  for (; length > 0x10000; bytes += 0x10000, length -= 0x10000) SystemFunction036(bytes, 0x10000);
  return SystemFunction036(bytes, (ULONG)length);
}
`;

/** Wine's home, as of Windows 10. */
async function bringHome(tools) {
  await once(path.dirname(homeOf(tools)), (part) => {
    const env = { ...process.env, ...wineEnv(tools, path.join(part, 'prefix')) };
    // Where Debian installs Wine, a link there leads to this one, which user32.dll takes.
    const system = path.join(part, 'prefix', 'drive_c', 'windows', 'system32');
    fs.mkdirSync(system, { recursive: true });
    const zlib = path.join(wineOf(tools), 'usr', PREFIX, 'lib', 'zlib1.dll');
    fs.copyFileSync(zlib, path.join(system, 'zlib1.dll'));
    const wine = (...args) => execute(wineProgram(tools), args, { env });
    // Its first program makes it.
    wine('reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f');
    execute(serverProgram(tools), ['--wait'], { env });
    const source = path.join(part, 'primitives.c');
    fs.writeFileSync(source, PRIMITIVES);
    const dll = path.join(system, 'bcryptprimitives.dll');
    execute(gnu(tools, 'gcc-win32'), ['-shared', '-O1', '-o', dll, source, '-ladvapi32'], {
      env: gnuEnv(tools),
    });
  });
}

const wineProgram = (tools) => path.join(wineOf(tools), 'usr', 'lib', 'wine', 'wine64');
const serverProgram = (tools) => path.join(wineOf(tools), 'usr', 'lib', 'wine', 'wineserver');

const wineEnv = (tools, home) => ({
  LD_LIBRARY_PATH: librariesOf(wineOf(tools)),
  WINEPREFIX: home,
  WINEARCH: 'win64',
  WINEDEBUG: '-all',
  WINEDLLOVERRIDES: 'mscoree,mshtml=', // or it asks on a screen for what is not installed
  DISPLAY: '',
});

/** npm, beside Node as Node's installer has it. */
async function bringNpm(folder) {
  await once(path.join(folder, 'node_modules', 'npm'), (part) => unpack(part, 'npm@10'));
  const line = String.raw`@node "%~dp0\node_modules\npm\bin\npm-cli.js" %*`;
  fs.writeFileSync(path.join(folder, 'npm.cmd'), `${line}\r\n`);
}

async function bring(tools, node) {
  await bringCross(tools);
  await debian(tools, 'mingw', ['gcc-mingw-w64-x86-64-win32'], { isWhole: true });
  await bringImports(tools);
  await debian(tools, 'wine', ['wine64'], {
    isWhole: true,
    finish(part) {
      // Instead of a script that looks for the server at its place on the machine.
      const folder = path.join(part, 'usr', 'lib', 'wine');
      fs.renameSync(path.join(folder, 'wineserver64'), path.join(folder, 'wineserver'));
    },
  });
  await bringHome(tools);
  await bringNode('win-x64', node, nodeOf(tools, node));
  await bringNpm(path.dirname(nodeOf(tools, node)));
  await once(path.dirname(esbuildOf(tools)), (part) =>
    unpack(part, `@esbuild/win32-x64@${ESBUILD}`),
  );
}

/** The environment in which cargo builds, and Wine runs what it built. */
function cargoEnv(root, tools) {
  const env = crossEnv(root, tools, 'x86_64-pc-windows-msvc');
  const libraries = [env.LD_LIBRARY_PATH, librariesOf(gnuOf(tools)), librariesOf(wineOf(tools))];
  return {
    ...env,
    ...wineEnv(tools, homeOf(tools)),
    PATH: [path.dirname(gnu(tools, 'dlltool')), env.PATH].join(path.delimiter), // of rustc
    LD_LIBRARY_PATH: libraries.join(path.delimiter),
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: gnu(tools, 'gcc-win32'),
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER: wineProgram(tools),
    LIBNODE_PATH: importsOf(tools),
  };
}

async function build(root, tools) {
  console.error(`platforms: building ${BINARY}`);
  const env = cargoEnv(root, tools);
  execute('cargo', ['build', '--target', TRIPLE, ...ADDON], { cwd: root, timeout: MOST_MS, env });
  return placeBinary(root, TRIPLE, BINARY, ['ralloc.dll']);
}

const crate = (root, tools) => ({
  command: 'cargo',
  args: ['test', '--target', TRIPLE],
  env: cargoEnv(root, tools),
});

function runner(tools, node) {
  return {
    command: wineProgram(tools),
    args: [nodeOf(tools, node)],
    env: {
      ...wineEnv(tools, homeOf(tools)),
      WINEPATH: `Z:${path.dirname(nodeOf(tools, node))}`, // in front of PATH: children are started as node
      ESBUILD_BINARY_PATH: `Z:${esbuildOf(tools)}`,
      NODE_OPTIONS: `--require "Z:${REPAIRS}"`,
      npm_execpath: '', // that of this machine
    },
  };
}

const crateFaults = [
  {
    title: 'oversize_blocks_are_freed_oldest_first',
    why: 'a chunk of Wine is three ranges of memory, of which Linux gives a process 65,530',
  },
];

module.exports = {
  name: 'windows',
  nodes: [22],
  bring,
  build,
  runner,
  crate,
  crateFaults,
  faults: [],
};
