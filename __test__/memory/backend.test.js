'use strict';
// tier: tools

// Which memory is loaded: the binary built here, an installed one, or the fallback with one line that says why.

const test = require('ava');
const fs = require('node:fs');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { join } = require('node:path');
const ralloc = require('../..');
const { run } = require('../helpers/child.js');
const { copyOfPackage, builtBinary } = require('../helpers/copy-of-package.js');
const {
  binaryTest,
  fellBack,
  hasBinary,
  loads,
  platform,
  platformTest,
  target,
} = require('../helpers/loads.js');
const { published } = require('../helpers/installed.js');
const { ELF_MACHINES, programImage } = require('../helpers/package/binaries.js');

const here = join(__dirname, '..', '..');

/** package.json as it is published, in which the packages of the platforms stand. */
const PUBLISHED = { 'package.json': JSON.stringify(published) };

const installs = (name) =>
  ` To install it: npm install --include=optional --save-optional @ralloc/${name}@${ralloc.version}`;

/** The files of a binary beside ralloc, and of an installed package. */
const beside = (bytes) => ({ [`ralloc.${platform}.node`]: bytes });
const installed = (code, name = platform) => ({ [`node_modules/@ralloc/${name}/index.js`]: code });
const BUILT = `module.exports = require(${JSON.stringify(builtBinary)});`;

test('RALLOC_BACKEND=js takes the fallback, without a word', async (t) => {
  const { backend, backendReason, warnings } = await loads(t, here, { backend: 'js' });
  t.is(backend, 'js');
  t.is(backendReason, 'RALLOC_BACKEND is js');
  t.deepEqual(warnings, []);
});

for (const asked of ['javascript', 'wasm']) {
  test(`RALLOC_BACKEND='${asked}' means nothing, and is warned of`, async (t) => {
    const before = await loads(t, here);
    const { backend, warnings } = await loads(t, here, { backend: asked });
    t.is(backend, before.backend);
    t.deepEqual(
      warnings.map(({ code }) => code),
      ['RALLOC_WRONG_VALUE', ...before.warnings.map(({ code }) => code)],
    );
    t.true(
      warnings[0].message.startsWith(
        `RALLOC_BACKEND is '${asked}', which is ignored: it takes 'js' `,
      ),
    );
  });
}

// A warning's text is loaded when it is told: within another load that would drop half of this one.
for (const [what, execArgv, env, warning] of [
  ['the binary is missing', ['--no-addons'], {}, /RALLOC_JS_BACKEND/],
  ['the same in debug mode', ['--no-addons'], { RALLOC_DEBUG: 'full' }, /RALLOC_JS_BACKEND/],
  ['RALLOC_BACKEND is wrong', [], { RALLOC_BACKEND: 'wasm' }, /RALLOC_WRONG_VALUE/],
  ['RALLOC_DISABLED is wrong', [], { RALLOC_DISABLED: 'maybe' }, /RALLOC_WRONG_VALUE/],
]) {
  test(`${what}: it is told, and every module is loaded once`, async (t) => {
    const { result, stderr } = await run('base/loaded-once.js', { execArgv, env });
    t.regex(stderr, warning);
    t.deepEqual(result, []);
  });
}

test('RALLOC_BACKEND=native is the default', async (t) => {
  t.deepEqual(await loads(t, here, { backend: 'native' }), await loads(t, here));
});

binaryTest('the binary that was built here is taken, without a word', async (t) => {
  const { backend, warnings } = await loads(t, here);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
});

binaryTest('the version of the binary is that of the package', (t) => {
  t.is(require(builtBinary).version(), ralloc.version);
});

binaryTest("the platform's installed package is taken", async (t) => {
  const { backend, warnings } = await loads(t, copyOfPackage(t, installed(BUILT)));
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
});

const REFUSING = `
  exports.version = () => ${JSON.stringify(ralloc.version)};
  exports.LeasedArena = class {
    lease() {
      throw new Error('this runtime refused external memory');
    }
  };`;
const TWO_LINES = 'throw Object.assign(new Error("first.\\nsecond"), { code: "E_CODE" })';
const [ours, others, mark] =
  target?.libc === 'musl' ? ['musl', 'gnu', '\0GLIBC_2.17\0'] : ['gnu', 'musl', '\0libc.so\0'];
const libcOf = (abi) => (abi === 'musl' ? 'musl' : 'glibc');
const otherPlatform = platform?.replace(ours, others);
const otherMachine = process.arch === 'x64' ? 'arm64' : 'x64';

/** What is no binary for this Node: its files, and why. */
const unusable = {
  'a binary that cannot be loaded': [
    beside('not a binary'),
    new RegExp(`ralloc\\.${platform}\\.node: `),
  ],
  'an installed package that fails': [
    installed("throw new Error('wrong C library');"),
    /wrong C library/,
  ],
  'a package that throws a string': [installed('throw "a string";'), 'a string'],
  'a package that throws null': [installed('throw null;'), 'null'],
  'a package that throws an error of several lines': [installed(TWO_LINES), 'E_CODE: first'],
  'a binary that the runtime refuses external memory': [
    installed(REFUSING),
    /refused external memory/,
  ],
  'a binary of another version': [
    installed("exports.version = () => '0.0.7';"),
    new RegExp(`the binary is of version 0\\.0\\.7, not ${ralloc.version}`),
  ],
  'the package for the other C library, which is not loaded': [
    { ...PUBLISHED, ...installed('process.abort();', otherPlatform) },
    `@ralloc/${otherPlatform} is installed, and this Node runs on ${libcOf(ours)}: it needs @ralloc/${platform}.${installs(platform)}`,
  ],
  'a binary for the other C library under this name': [
    { ...PUBLISHED, ...beside(Buffer.concat([programImage({}), Buffer.from(mark)])) },
    new RegExp(
      `is for ${libcOf(others)}, and this Node runs on ${libcOf(ours)}\\. To install it: npm `,
    ),
  ],
  'a binary for another machine': [
    { ...PUBLISHED, ...beside(programImage({ machine: ELF_MACHINES[otherMachine] })) },
    new RegExp(`\\.node is for ${otherMachine}\\. To install it: `),
  ],
  'a binary and an installed package that fail': [
    { ...beside(programImage({ machine: 0 })), ...installed("throw new Error('the other one');") },
    /is for another machine/,
  ],
};

for (const [what, [files, reason]] of Object.entries(unusable)) {
  platformTest(`${what} leaves the fallback, with the first reason in one line`, async (t) => {
    fellBack(t, await loads(t, copyOfPackage(t, files)), reason);
  });
}

/** Loads a copy of the package, with whatever binary is here, after the text `before` has run. */
function loadsAfter(t, before, options) {
  const folder = copyOfPackage(t, { 'before.js': before, ...(hasBinary && installed(BUILT)) });
  return loads(t, folder, { ...options, execArgv: ['--require', join(folder, 'before.js')] });
}

const AS_DENO = `
  const versions = { ...process.versions, deno: '2.9.0' };
  Object.defineProperty(process, 'versions', { value: versions });`;

const SECRET = `
  const { env } = process;
  const get = (_, key) => {
    if (key.startsWith?.('RALLOC')) throw new Error('Requires env access');
    return env[key];
  };
  process.env = new Proxy(env, { get });`;

test('on Deno the fallback serves, whatever binary there is', async (t) => {
  fellBack(t, await loadsAfter(t, AS_DENO), /^Deno runs finalizers .+ other threads$/);
});

test('on Deno too, who asks for the fallback is not warned', async (t) => {
  const { backend, warnings } = await loadsAfter(t, AS_DENO, { backend: 'js' });
  t.is(backend, 'js');
  t.deepEqual(warnings, []);
});

binaryTest('an environment that may not be read asks for nothing', async (t) => {
  const { backend, warnings } = await loadsAfter(t, SECRET);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
});

test('on Deno without permissions it loads, with the one warning', async (t) => {
  fellBack(t, await loadsAfter(t, AS_DENO + SECRET), /Deno/);
});

test("a worker thread's arenas have memory of V8, without a word", async (t) => {
  const worker = new Worker(join(__dirname, '..', 'fixtures', 'memory', 'which-backend.js'), {
    argv: [here],
  });
  const [[result], [exit]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  t.is(exit, 0);
  t.is(result.backend, 'js');
  t.is(result.backendReason, 'arenas in worker threads have memory of V8');
  t.true(result.works);
  t.deepEqual(result.warnings, []);
});

test('arenas in many threads at once do not disturb each other', async (t) => {
  const arena = new ralloc.Arena();
  const workers = Array.from(
    { length: 3 },
    () => new Worker(join(__dirname, '..', 'fixtures', 'arena', 'random-program.js')),
  );
  const results = await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (const [problems] of results) t.deepEqual(problems, []);
  t.is(arena.alloc(10).length, 10);
  arena.close();
});

test('the fallback has all that the binary has', (t) => {
  const fallback = require('../../lib/memory/fallback/arena.js');
  const types = fs.readFileSync(join(here, 'lib', 'memory', 'native.d.ts'), 'utf8');
  const { LeasedArena } = fallback;
  const { LeasedSlab } = require('../../lib/memory/fallback/slab.js');
  for (const Class of [LeasedArena, LeasedSlab]) {
    const [body] = types.split(`export declare class ${Class.name} {`)[1].split(/^}/m);
    const methods = [...body.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name);
    t.true(methods.length > 10);
    for (const name of methods) t.is(typeof Class.prototype[name], 'function', name);
  }
  const functions = [...types.matchAll(/^export declare function (\w+)/gm)].map(([, name]) => name);
  const others = ['mallocKept', 'trimMalloc', 'trimmedMs', 'exec', 'unacknowledged'];
  const watches = ['watchLoop', 'unwatchLoop', 'noteSignals', 'noteSignal'];
  const notOnAll = [...others, ...watches]; // which lib does without
  for (const name of functions) {
    if (name.endsWith('ForTest') || notOnAll.includes(name)) continue;
    t.is(typeof fallback[name], 'function', name);
  }
  t.is(fallback.version(), ralloc.version);
  t.is(fallback.trimDepot(0), 0);
  const registers = new Float64Array(16).fill(1);
  fallback.depotStats(registers);
  t.is(registers[0], 0);
});

// Why there is no native memory, and what to do about it: said in one line, by the warning and by backendReason.

test('in a clone without a binary the fallback serves, and the way to build one is told', async (t) => {
  const reason = /^no binary for [\w-]+ was built\. To build it: npm run build$/;
  fellBack(t, await loads(t, copyOfPackage(t)), reason);
});

/** A copy of the clone as `npm install` of a git address leaves it. */
function copyInNodeModules(t) {
  const folder = copyOfPackage(t);
  const installed = join(folder, 'node_modules', 'ralloc');
  fs.mkdirSync(installed, { recursive: true });
  for (const name of ['lib', 'package.json'])
    fs.renameSync(join(folder, name), join(installed, name));
  return installed;
}

platformTest(
  'in a clone inside node_modules, where nothing can be built, the command that installs the binary is told',
  async (t) => {
    const result = await loads(t, copyInNodeModules(t));
    fellBack(t, result, `@ralloc/${platform} is not installed.${installs(platform)}`);
  },
);

for (const [os, reason] of Object.entries({
  sunos: `ralloc has no binary for sunos-${process.arch}`,
  darwin: `@ralloc/darwin-${process.arch} is not installed.${installs(`darwin-${process.arch}`)}`,
  win32: `@ralloc/win32-${process.arch}-msvc is not installed.${installs(`win32-${process.arch}-msvc`)}`,
})) {
  test(`there too ${os} is told what npm has for it`, async (t) => {
    const folder = copyInNodeModules(t);
    const before = `Object.defineProperty(process, 'platform', { value: '${os}' });`;
    fs.writeFileSync(join(folder, 'before.js'), before);
    const result = await loads(t, folder, { execArgv: ['--require', join(folder, 'before.js')] });
    fellBack(t, result, reason);
  });
}

for (const [manager, mark, command] of [
  ['pnpm', 'node_modules/.pnpm', 'pnpm add --save-optional'],
  ['Yarn 1', 'node_modules/.yarn-integrity', 'yarn add --optional'],
  ['Yarn 4', 'node_modules/.yarn-state.yml', 'yarn add --optional'],
  ['Bun', 'bun.lock', 'bun add --optional'],
]) {
  platformTest(`where ${manager} installed ralloc, the command is one of ${manager}`, async (t) => {
    const installed = copyInNodeModules(t);
    fs.writeFileSync(join(installed, '..', '..', mark), '');
    const reason = `@ralloc/${platform} is not installed. To install it: ${command} @ralloc/${platform}@${ralloc.version}`;
    fellBack(t, await loads(t, installed), reason);
  });
}

test("with Yarn's Plug'n'Play the command is one of Yarn", async (t) => {
  const before = () =>
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, pnp: '3' } });";
  const { backendReason } = await loadsPublished(t, before);
  t.regex(backendReason, / To install it: yarn add --optional @ralloc\//);
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

binaryTest('where the binary beside ralloc fails, the installed one is taken', async (t) => {
  const folder = copyOfPackage(t, { ...beside('not a binary'), ...installed(BUILT) });
  const { backend, backendReason, warnings } = await loads(t, folder);
  t.is(backend, 'native');
  t.is(backendReason, undefined);
  t.deepEqual(warnings, []);
});
