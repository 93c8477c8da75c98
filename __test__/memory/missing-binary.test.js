'use strict';
// tier: run-time

// Why there is no native memory, and what to do about it: said in one line, by the warning and by backendReason.

const fs = require('node:fs');
const { join } = require('node:path');
const test = require('ava');
const ralloc = require('../..');
const { copyOfPackage, builtBinary } = require('../helpers/copy-of-package.js');
const { published } = require('../helpers/installed.js');
const {
  binaryTest,
  fellBack,
  loads,
  platform,
  platformTest,
  target,
} = require('../helpers/loads.js');
const { ELF_MACHINES, programImage } = require('../helpers/package/binaries.js');

/** package.json as it is published, in which the packages of the platforms stand. */
const PUBLISHED = { 'package.json': JSON.stringify(published) };

const installs = (name) =>
  ` To install it: npm install --include=optional --save-optional @ralloc/${name}@${ralloc.version}`;

test('in a clone without a binary the fallback serves, and the way to build one is told', async (t) => {
  const reason = /^no binary for [\w-]+ was built\. To build it: npm run build$/;
  fellBack(t, await loads(t, copyOfPackage(t)), reason);
});

platformTest(
  'where its package is not installed, the command that installs it is told',
  async (t) => {
    const result = await loads(t, copyOfPackage(t, PUBLISHED));
    fellBack(t, result, `@ralloc/${platform} is not installed.${installs(platform)}`);
  },
);

/** Loads a copy of the published package, after the text `before` has run. */
function loadsPublished(t, before, files = {}) {
  const folder = copyOfPackage(t, { ...PUBLISHED, ...files });
  fs.writeFileSync(join(folder, 'before.js'), before(folder));
  return loads(t, folder, { execArgv: ['--require', join(folder, 'before.js')] });
}

test('on a platform without a binary, no command is told', async (t) => {
  const before = () => "Object.defineProperty(process, 'platform', { value: 'sunos' });";
  const result = await loadsPublished(t, before);
  fellBack(t, result, `ralloc has no binary for sunos-${process.arch}`);
});

/** Has ralloc take the file `program` for what runs it. */
const asProgram = (folder) => `process.execPath = ${JSON.stringify(join(folder, 'program'))};`;

for (const [loader, abi] of [
  ['ld-musl-x86_64.so.1', 'musl'],
  ['ld-linux-x86-64.so.2', 'gnu'],
]) {
  platformTest(`a Node that ${loader} loads is told to install the binary for it`, async (t) => {
    const program = programImage({ interpreter: `/lib/${loader}` });
    const name = `linux-${process.arch}-${abi}`;
    const result = await loadsPublished(t, asProgram, { program });
    fellBack(t, result, `@ralloc/${name} is not installed.${installs(name)}`);
  });
}

for (const [what, files] of [
  ['is linked statically', { program: programImage({}) }],
  ['cannot be read', {}],
]) {
  platformTest(`where the program ${what}, Node's report has the C library`, async (t) => {
    const result = await loadsPublished(t, asProgram, files);
    fellBack(t, result, `@ralloc/${platform} is not installed.${installs(platform)}`);
  });
}

platformTest('the package for the other C library is named, and not loaded', async (t) => {
  const { libc } = target;
  const other = libc === 'musl' ? platform.replace('musl', 'gnu') : platform.replace('gnu', 'musl');
  const folder = copyOfPackage(t, {
    ...PUBLISHED,
    [`node_modules/@ralloc/${other}/index.js`]: 'process.abort();',
  });
  const reason = `@ralloc/${other} is installed, and this Node runs on ${libc}: it needs @ralloc/${platform}.`;
  fellBack(t, await loads(t, folder), reason + installs(platform));
});

platformTest('a binary for the other C library under this name is told of', async (t) => {
  const { libc } = target;
  const [other, mark] = libc === 'musl' ? ['glibc', '\0GLIBC_2.17\0'] : ['musl', '\0libc.so\0'];
  const folder = copyOfPackage(t, {
    ...PUBLISHED,
    [`ralloc.${platform}.node`]: Buffer.concat([programImage({}), Buffer.from(mark)]),
  });
  const reason = `${platform}.node is for ${other}, and this Node runs on ${libc}.${installs(platform)}`;
  const result = await loads(t, folder);
  fellBack(t, result, result.backendReason);
  t.true(result.backendReason.endsWith(reason), result.backendReason);
});

binaryTest('a binary that was cut off is not loaded, which would end the process', async (t) => {
  const whole = fs.readFileSync(builtBinary);
  const half = whole.length >> 1;
  const folder = copyOfPackage(t, {
    ...PUBLISHED,
    [`node_modules/@ralloc/${platform}/package.json`]: '{ "main": "binary.node" }',
    [`node_modules/@ralloc/${platform}/binary.node`]: whole.subarray(0, half),
  });
  const reason = `binary\\.node is cut off: it has ${half} of at least \\d+ bytes\\. To install it: `;
  fellBack(t, await loads(t, folder), new RegExp(reason));
});

platformTest('a binary for another machine is told of', async (t) => {
  const other = process.arch === 'x64' ? 'arm64' : 'x64';
  const folder = copyOfPackage(t, {
    ...PUBLISHED,
    [`ralloc.${platform}.node`]: programImage({ machine: ELF_MACHINES[other] }),
  });
  const reason = new RegExp(`\\.node is for ${other}\\. To install it: `);
  fellBack(t, await loads(t, folder), reason);
});

binaryTest('where the binary beside ralloc fails, the installed one is taken', async (t) => {
  const folder = copyOfPackage(t, {
    [`ralloc.${platform}.node`]: 'not a binary',
    [`node_modules/@ralloc/${platform}/index.js`]: `module.exports = require(${JSON.stringify(builtBinary)});`,
  });
  const { backend, backendReason, warnings } = await loads(t, folder);
  t.is(backend, 'native');
  t.is(backendReason, undefined);
  t.deepEqual(warnings, []);
});

platformTest("where every binary fails, the first one's reason is told", async (t) => {
  const folder = copyOfPackage(t, {
    [`ralloc.${platform}.node`]: programImage({ machine: 0 }),
    [`node_modules/@ralloc/${platform}/index.js`]: "throw new Error('the other one');",
  });
  return fellBack(t, await loads(t, folder), /is for another machine/);
});
