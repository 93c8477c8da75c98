'use strict';
// tier: tools

// scripts/release/check-binary.js finds what makes a binary unfit for a release.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { binaryFaults, glibcFloor } = require('../../scripts/release/check-binary.js');
const { parseElf } = require('../../scripts/release/elf.js');
const { BINARY } = require('../../scripts/release/limits.js');
const { testWhere } = require('../helpers/backend.js');
const { builtBinary } = require('../helpers/copy-of-package.js');
const { machImage, windowsImage } = require('../helpers/package/binaries.js');
const { elfImage } = require('../helpers/package/elf-image.js');

const HERE = 'linux-x64-gnu';

test('a library that asks for little is fit', (t) => {
  t.deepEqual(binaryFaults(elfImage(), HERE), []);
  t.is(glibcFloor(parseElf(elfImage())), '2.17');
});

const UNFIT = {
  'a newer glibc than systems have that run Node 20': [
    { versions: { 'libm.so.6': ['GLIBC_2.9'], 'libc.so.6': ['GLIBC_2.4', 'GLIBC_2.29'] } },
    'it needs glibc 2.29, newer than 2.28',
  ],
  libgcc_s: [{ needed: ['libgcc_s.so.1', 'libc.so.6'] }, 'it needs libgcc_s.so.1'],
  'the C++ library': [{ needed: ['libc.so.6', 'libstdc++.so.6'] }, 'it needs libstdc++.so.6'],
  'another export': [
    { symbols: [{ name: 'napi_register_module_v1' }, { name: 'rust_eh_personality' }] },
    'it exports rust_eh_personality',
  ],
  'no entry for Node': [{ symbols: [] }, 'it does not export napi_register_module_v1'],
  'an entry that is hidden': [
    { symbols: [{ name: 'napi_register_module_v1', visibility: 2 }] },
    'it does not export napi_register_module_v1',
  ],
  'an entry that is local': [
    { symbols: [{ name: 'napi_register_module_v1', bind: 0 }] },
    'it does not export napi_register_module_v1',
  ],
  'another machine': [{ machine: 183 }, 'it is for arm64, not for x64'],
  'a search path': [{ runpath: '$ORIGIN' }, 'it looks for libraries in $ORIGIN'],
  'an old-fashioned search path': [{ rpath: '.' }, 'it looks for libraries in .'],
  'text relocations': [{ textRelocations: true }, 'it has text relocations'],
  'an executable stack': [{ stackFlags: 7 }, 'it wants an executable stack'],
  'no word about the stack': [{ stackFlags: undefined }, 'it wants an executable stack'],
  'leave to unload it': [{ nodelete: false }, 'it can be unloaded (-z nodelete is missing)'],
  'a program in place of a library': [{ type: 2 }, 'no shared library'],
};

for (const [what, [changes, fault]] of Object.entries(UNFIT)) {
  test(`unfit: ${what}`, (t) => {
    t.deepEqual(binaryFaults(elfImage(changes), HERE), [fault]);
  });
}

test('glibc 2.28 is just old enough, and a library without versions asks for none', (t) => {
  const versions = { 'libc.so.6': ['GLIBC_2.28', 'GLIBC_2.3.4'] };
  t.deepEqual(binaryFaults(elfImage({ versions }), HERE), []);
  t.deepEqual(binaryFaults(elfImage({ versions: {} }), HERE), []);
  t.is(glibcFloor(parseElf(elfImage({ versions: {} }))), undefined);
});

test('on musl, musl is asked for and nothing of glibc', (t) => {
  const musl = { needed: ['libc.so'], versions: {}, nodelete: false };
  t.deepEqual(binaryFaults(elfImage(musl), 'linux-x64-musl'), []);
  t.deepEqual(binaryFaults(elfImage(musl), HERE), [
    'it needs libc.so',
    'it can be unloaded (-z nodelete is missing)',
  ]);
  t.deepEqual(binaryFaults(elfImage({ needed: ['libc.so'] }), 'linux-x64-musl'), [
    'it needs glibc 2.17, on musl',
  ]);
});

test('a library of the limit is too large', (t) => {
  const padded = (size) => Buffer.concat([elfImage(), Buffer.alloc(size)]).subarray(0, size);
  t.deepEqual(binaryFaults(padded(BINARY - 1), HERE), []);
  t.deepEqual(binaryFaults(padded(BINARY), HERE), [`${BINARY} bytes, not under ${BINARY}`]);
});

test('folders of the machine that built it are found', (t) => {
  const folder = ['', 'opt', 'me', '.cargo', 'registry', 'src', 'x-1'].join('/');
  const bytes = Buffer.concat([elfImage(), Buffer.from(`\0${folder}/napi/lib.rs\0`)]);
  t.deepEqual(binaryFaults(bytes, HERE), [`it tells of the machine that built it: ${folder}`]);
});

test('what is exported for the tests of a clone alone is found', (t) => {
  const bytes = Buffer.concat([elfImage(), Buffer.from('\0panicForTest\0')]);
  t.deepEqual(binaryFaults(bytes, HERE), ['it exports panicForTest, for tests only']);
});

test('what is damaged, cut off or no library is told, not thrown', (t) => {
  const image = elfImage();
  t.deepEqual(binaryFaults(Buffer.from('not a library'), HERE), ['it is no ELF library']);
  t.deepEqual(binaryFaults(Buffer.alloc(0), HERE), ['it is no ELF library']);
  for (const length of [100, 300, image.length - 1]) {
    const faults = binaryFaults(image.subarray(0, length), HERE);
    t.is(faults.length, 1, `${length} bytes`);
    t.regex(faults[0], /^damaged: /);
  }
  const narrow = Buffer.from(image);
  narrow[4] = 1;
  t.deepEqual(binaryFaults(narrow, HERE), ['no 64-bit little-endian ELF file']);
});

const ARM64 = 0x0100000c;

for (const [what, changes, fault] of [
  ['little', {}, undefined],
  ['a newer macOS', { minimum: (11 << 16) | 256 }, 'it needs macOS 11.1, newer than 11.0'],
  ['a library of the user’s', { needed: ['libx.dylib'] }, 'it needs libx.dylib'],
  ['a search path', { searchPaths: ['@loader_path'] }, 'it looks for libraries in @loader_path'],
  ['no signature', { isSigned: false }, 'it has no signature'],
  ['no entry', { exports: ['_napi_other'] }, 'it does not export napi_register_module_v1'],
  ['a program', { type: 2 }, 'no shared library'],
]) {
  test(`a library for macOS on arm64 that has or asks for ${what}: ${fault ?? 'fit'}`, (t) => {
    t.deepEqual(
      binaryFaults(machImage(ARM64, changes), 'darwin-arm64'),
      [fault].flat().filter(Boolean),
    );
  });
}

test('a library for macOS is known by its machine, and is whole', (t) => {
  const image = machImage(ARM64);
  t.deepEqual(binaryFaults(image, 'darwin-x64'), ['it is for arm64, not for x64']);
  t.regex(binaryFaults(image.subarray(0, 100), 'darwin-arm64')[0], /^damaged: /);
});

test('libraries of Windows are known by their machine', (t) => {
  t.deepEqual(binaryFaults(windowsImage(0x8664), 'win32-x64-msvc'), []);
  t.deepEqual(binaryFaults(windowsImage(0xaa64), 'win32-arm64-msvc'), []);
  t.deepEqual(binaryFaults(windowsImage(0xaa64), 'win32-x64-msvc'), [
    'it is not for win32-x64-msvc',
  ]);
  const imports = Buffer.concat([
    windowsImage(0x8664),
    Buffer.from('KERNEL32.dll\0VCRUNTIME140.dll\0'),
  ]);
  t.deepEqual(binaryFaults(imports, 'win32-x64-msvc'), ["it needs Visual C++'s runtime"]);
  t.deepEqual(binaryFaults(windowsImage(0x8664, 1 << 20), 'win32-x64-msvc'), [
    'it is not for win32-x64-msvc',
  ]);
  t.deepEqual(binaryFaults(elfImage(), 'darwin-x64'), ['it is no Mach-O library']);
  t.deepEqual(binaryFaults(elfImage(), 'plan9-mips'), ['plan9-mips is no platform of ralloc']);
});

const isLinux = builtBinary !== undefined && process.platform === 'linux';
const title = 'the binary that was built here is read as the system’s own loader reads it';
testWhere(isLinux, 'a binary built here, on Linux', title, (t) => {
  const { exports, needed, stays, executableStack } = parseElf(fs.readFileSync(builtBinary));
  t.deepEqual(exports, ['napi_register_module_v1']);
  t.true(needed.some((name) => /^libc\./.test(name)));
  t.false(executableStack);
  t.is(stays, path.basename(builtBinary).endsWith('-gnu.node'), 'musl unloads nothing');
  // What it needs is loaded into this process, which has loaded it.
  require(builtBinary);
  const maps = fs.readFileSync('/proc/self/maps', 'utf8');
  for (const name of needed) t.true(maps.includes(`/${name}`), name);
});
