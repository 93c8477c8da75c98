'use strict';

// Which memory is loaded: the binary built here, an installed one, or the fallback with one line that says why.

const test = require('ava');
const fs = require('node:fs');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { join } = require('node:path');
const ralloc = require('../..');
const { run } = require('../helpers/child.js');
const { copyOfPackage, builtBinary } = require('../helpers/copy-of-package.js');
const { testWhere } = require('../helpers/backend.js');

const platform = process.platform === 'linux' ? `linux-${process.arch}-gnu` : undefined;
const here = join(__dirname, '..', '..');

/** What the package in `folder` loads in a process of its own: { backend, version, works, warnings }. */
async function loads(t, folder, { backend = '', ...options } = {}) {
  const env = { RALLOC_BACKEND: backend, ...options.env };
  const { code, stderr, result } = await run('memory/which-backend.js', {
    ...options,
    args: [folder],
    env,
  });
  t.is(code, 0, stderr);
  t.true(result.works);
  t.is(result.version, ralloc.version);
  return result;
}

/** A test of what is found under the names of this platform. */
const platformTest = (title, body) => testWhere(platform !== undefined, 'Linux', title, body);

/** A test of loading a binary: of Linux, and where one was built. */
const hasBinary = builtBinary !== undefined && platform !== undefined;
const binaryTest = (title, body) => testWhere(hasBinary, 'a binary built here', title, body);

test('RALLOC_BACKEND=js takes the fallback, without a word', async (t) => {
  const { backend, warnings } = await loads(t, here, { backend: 'js' });
  t.is(backend, 'js');
  t.deepEqual(warnings, []);
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
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: `module.exports = require(${JSON.stringify(builtBinary)});`,
  });
  const { backend, warnings } = await loads(t, folder);
  t.is(backend, 'native');
  t.deepEqual(warnings, []);
});

binaryTest('the package for the other C library is tried too', async (t) => {
  const name = platform.replace('gnu', 'musl');
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${name}/index.js`]: `module.exports = require(${JSON.stringify(builtBinary)});`,
  });
  t.is((await loads(t, folder)).backend, 'native');
});

/** Checks that the fallback serves, and that one line tells of it and of the reason. */
function fellBack(t, { backend, warnings }, reason) {
  t.is(backend, 'js');
  t.is(warnings.length, 1);
  t.is(warnings[0].code, 'RALLOC_JS_BACKEND');
  t.is(warnings[0].name, 'RallocWarning');
  t.notRegex(warnings[0].message, /\n/);
  t.regex(warnings[0].message, reason);
}

test('without a binary the fallback serves', async (t) => {
  fellBack(t, await loads(t, copyOfPackage(t)), /there is no binary for/);
});

platformTest('a binary that cannot be loaded leaves the fallback', async (t) => {
  const folder = copyOfPackage(t, { [`ralloc.${platform}.node`]: 'not a binary' });
  return fellBack(t, await loads(t, folder), new RegExp(`ralloc\\.${platform}\\.node: `));
});

platformTest('an installed package that fails leaves the fallback', async (t) => {
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: "throw new Error('wrong C library');",
  });
  return fellBack(t, await loads(t, folder), /wrong C library/);
});

platformTest('a runtime that refuses external memory gets the fallback', async (t) => {
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: `
      exports.version = () => ${JSON.stringify(ralloc.version)};
      exports.LeasedArena = class {
        lease() {
          throw new Error('this runtime refused external memory');
        }
      };`,
  });
  return fellBack(t, await loads(t, folder), /refused external memory/);
});

platformTest('a binary of another version is not used', async (t) => {
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: "exports.version = () => '0.0.7';",
  });
  const reason = `the binary is of version 0\\.0\\.7, not ${ralloc.version}`;
  return fellBack(t, await loads(t, folder), new RegExp(reason));
});

binaryTest('a package for the other C library serves where the first one fails', async (t) => {
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: "throw new Error('wrong C library');",
    [`node_modules/@ralloc/${platform.replace('gnu', 'musl')}/index.js`]: `module.exports = require(${JSON.stringify(builtBinary)});`,
  });
  return t.is((await loads(t, folder)).backend, 'native');
});

binaryTest("where every installed binary fails, the first one's reason is told", async (t) => {
  const folder = copyOfPackage(t, {
    [`node_modules/@ralloc/${platform}/index.js`]: "throw new Error('wrong C library');",
    [`node_modules/@ralloc/${platform.replace('gnu', 'musl')}/index.js`]:
      "throw new Error('the other one');",
  });
  return fellBack(t, await loads(t, folder), /wrong C library/);
});

platformTest('whatever a package throws, its reason is one line', async (t) => {
  const thrown = {
    '"a string"': /\(a string\);/,
    'Object.assign(new Error("first.\\nsecond"), { code: "E_CODE" })': /\(E_CODE: first\);/,
    null: /\(null\);/,
  };
  for (const [what, reason] of Object.entries(thrown)) {
    const folder = copyOfPackage(t, {
      [`node_modules/@ralloc/${platform}/index.js`]: `throw ${what};`,
    });
    fellBack(t, await loads(t, folder), reason);
  }
});

for (const [os, name] of [
  ['win32', /win32-\w+-msvc/],
  ['darwin', /darwin-/],
  ['freebsd', /freebsd-/],
]) {
  test(`on ${os} its own binary is looked for`, async (t) => {
    const folder = copyOfPackage(t, {
      'as-platform.js': `Object.defineProperty(process, 'platform', { value: '${os}' });`,
    });
    const execArgv = ['--require', join(folder, 'as-platform.js')];
    fellBack(t, await loads(t, folder, { execArgv }), name);
  });
}

/** Loads a copy of the package, with whatever binary is here, after the text `before` has run. */
function loadsAfter(t, before, options) {
  const built = `module.exports = require(${JSON.stringify(builtBinary)});`;
  const folder = copyOfPackage(t, {
    'before.js': before,
    ...(hasBinary && { [`node_modules/@ralloc/${platform}/index.js`]: built }),
  });
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
  fellBack(t, await loadsAfter(t, AS_DENO), /\(Deno runs finalizers .+ other threads\);/);
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
  for (const name of functions.filter((one) => one !== 'panicForTest')) {
    t.is(typeof fallback[name], 'function', name);
  }
  t.is(fallback.version(), ralloc.version);
  t.is(fallback.trimDepot(0).bytes, 0);
  const registers = new Float64Array(16).fill(1);
  fallback.depotStats(registers);
  t.is(registers[0], 0);
});
