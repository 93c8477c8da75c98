'use strict';
// tier: tools

// scripts/release/check-binary.js finds what makes a binary unfit for a release: of libraries that a C compiler makes.

const test = require('ava');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { BINARY, binaryFaults, isFor } = require('../../scripts/release/check-binary.js');
const { binaryName } = require('../../scripts/release/targets.js');
const { posixTest, testWhere } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');
const { fitBinary } = require('../helpers/package/binaries.js');
const { platform } = require('../helpers/package/release.js');

const isThere = (program) => spawnSync(program, ['--version']).status === 0;
const isGnu = /^linux-.*-gnu$/.test(platform) && isThere('cc') && isThere('readelf');
const elfTest = (title, body) => testWhere(isGnu, 'a C compiler and glibc', title, body);

const ENTRY = 'int napi_register_module_v1(void) { return 1; }';
const SAFE = ['-Wl,-z,nodelete', '-Wl,-z,noexecstack'];

/** What is wrong with the library that the compiler makes of a source. */
function faultsOf(t, source, flags) {
  const dir = folder(t);
  const file = path.join(dir, binaryName(platform));
  fs.writeFileSync(path.join(dir, 'a.c'), source);
  execFileSync('cc', ['-shared', '-fPIC', ...flags, '-o', file, path.join(dir, 'a.c')]);
  return binaryFaults(file);
}

elfTest('a library that asks for little is fit', (t) => {
  t.deepEqual(faultsOf(t, ENTRY, SAFE), []);
});

const FOLDER = ['.cargo', 'registry', 'src', 'x-1'].join('/');

for (const [what, source, flags, fault] of [
  [
    'a newer glibc',
    '#include <sys/random.h>\nint napi_register_module_v1(void) { return getrandom(0, 0, 0); }',
    SAFE,
    'it needs glibc 2.25',
  ],
  ['libgcc_s', ENTRY, [...SAFE, '-Wl,--no-as-needed', '-lgcc_s'], 'it needs libgcc_s.so.1'],
  ['another export', `${ENTRY}\nint more(void) { return 1; }`, SAFE, 'it exports more'],
  ['no entry', 'static int a;', SAFE, 'it does not export napi_register_module_v1'],
  ['a search path', ENTRY, [...SAFE, '-Wl,-rpath,$ORIGIN'], 'it looks for libraries in $ORIGIN'],
  [
    'text relocations',
    `${ENTRY}\nasm(".text\\n.quad napi_register_module_v1");`,
    [...SAFE, '-Wl,-z,notext'],
    'it has text relocations',
  ],
  [
    'an executable stack',
    ENTRY,
    ['-Wl,-z,nodelete', '-Wl,-z,execstack'],
    'it wants an executable stack',
  ],
  ['leave to unload it', ENTRY, ['-Wl,-z,noexecstack'], 'it can be unloaded'],
  [
    'a folder of the machine that built it',
    `${ENTRY}\nstatic const char *folder __attribute__((used)) = "${FOLDER}/lib.rs";`,
    SAFE,
    `it tells of the machine that built it: ${FOLDER}`,
  ],
  [
    'an export for tests',
    `${ENTRY}\nstatic const char *name __attribute__((used)) = "panicForTest";`,
    SAFE,
    'it exports what is for tests only: panicForTest',
  ],
  [
    'more bytes than it may have',
    `${ENTRY}\nstatic char big[${BINARY}] __attribute__((used)) = { 1 };`,
    SAFE,
    /^it has \d+ bytes, not under \d+$/,
  ],
]) {
  elfTest(`unfit: ${what}`, (t) => {
    const faults = faultsOf(t, source, flags);
    t.is(faults.length, 1, faults.join(', '));
    if (typeof fault === 'string') t.is(faults[0], fault);
    else t.regex(faults[0], fault);
  });
}

/** What llvm-objdump prints of a library for macOS, as far as it matters. */
const load = (name, more) => `Load command 9\n cmd LC_${name}\n cmdsize 56\n${more}\n`;
const SYSTEM = load('LOAD_DYLIB', '   name /usr/lib/libSystem.B.dylib (offset 24)');
const ON_11 = load('BUILD_VERSION', ' platform macos\n      sdk 15.2\n    minos 11.0');
const SIGNED = load('CODE_SIGNATURE', ' dataoff 49200');
const EXPORTED = 'Exports trie:\n0x000015B0  _napi_register_module_v1\n';

for (const [what, name, printed, faults] of [
  ['fit', 'darwin-arm64', [SYSTEM, ON_11, SIGNED, EXPORTED], []],
  [
    'fit, on Intel',
    'darwin-x64',
    [SYSTEM, load('VERSION_MIN_MACOSX', '  version 10.12'), EXPORTED],
    [],
  ],
  [
    'for a newer macOS',
    'darwin-arm64',
    [SYSTEM, ON_11.replace('11.0', '11.1'), SIGNED, EXPORTED],
    ['it needs macOS 11.1'],
  ],
  [
    'with another library, and a search path',
    'darwin-x64',
    [
      SYSTEM,
      load('LOAD_DYLIB', ' name libx.dylib (offset 24)'),
      load('RPATH', ' path @a'),
      EXPORTED,
    ],
    ['it needs libx.dylib', 'it looks for libraries in @a'],
  ],
  [
    'without a signature and an entry',
    'darwin-arm64',
    [SYSTEM, ON_11],
    ['it does not export napi_register_module_v1', 'it has no signature'],
  ],
]) {
  posixTest(`a library for macOS that is ${what}`, (t) => {
    const dir = folder(t);
    const program = process.platform === 'darwin' ? 'objdump' : 'llvm-objdump';
    const says = `#!/bin/sh\ncat <<'END'\n${printed.join('')}END\n`;
    fs.writeFileSync(path.join(dir, program), says, { mode: 0o755 });
    const file = path.join(dir, binaryName(name));
    fs.writeFileSync(file, fitBinary(name));
    const env = { PATH: [dir, process.env.PATH].join(path.delimiter) };
    t.deepEqual(binaryFaults(file, env), faults);
  });
}

test('a library is known by its head as that of a platform', (t) => {
  const names = ['linux-x64-gnu', 'linux-arm64-musl', 'darwin-arm64', 'win32-x64-msvc'];
  for (const name of names)
    for (const other of names) t.is(isFor(name, fitBinary(other)), name === other, other);
  t.false(isFor('linux-x64-gnu', Buffer.from('not a library')));
  t.false(isFor('win32-x64-msvc', Buffer.from('MZ')));
});

test('what is no library, or of no platform, is told', (t) => {
  const file = path.join(folder(t), 'ralloc.linux-x64-gnu.node');
  fs.writeFileSync(file, '');
  t.deepEqual(binaryFaults(file), ['it is no library for linux-x64-gnu']);
  t.deepEqual(binaryFaults('ralloc.plan9-mips.node'), [
    'ralloc.plan9-mips.node is for no platform of ralloc',
  ]);
});

elfTest('of a library that is cut off, what it does not have is told', (t) => {
  const file = path.join(folder(t), binaryName(platform));
  fs.writeFileSync(file, fitBinary(platform));
  t.true(binaryFaults(file).includes('it does not export napi_register_module_v1'));
});
