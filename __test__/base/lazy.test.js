'use strict';

// tier: run-time, differs by Node

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { exportLater, lazy } = require('../../lib/base/lazy.js');
const { run } = require('../helpers/child.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { createRequire } = require('node:module');
const { compileFunction } = require('node:vm');
const { needsInterrupt } = require('../helpers/needs.js');
const { STOP, stopped } = require('../helpers/stopped.js');

const LIB = path.join(__dirname, '..', '..', 'lib');

/** What is loaded with another one of them is cut off in a process of its own. */
const GROUPS = [
  [['index.js mounts'], { RALLOC_DEBUG: '' }],
  [['node/guard/install.js webStreams', 'auto/bodies.js bodyReaders']],
  [['node/guard/install.js datagrams']],
  [['node/guard/install.js guards']],
  [['debug/debug.js leaks', 'request/response.js parsers']],
  [['debug/debug.js watching']],
  [['memory/native.js fallbackDeaths', 'memory/native.js fallbackSlabs'], { RALLOC_BACKEND: 'js' }],
];

needsInterrupt(
  'a load that vm cuts off in the middle of a module is made again by the next use, whichever it is',
  async (t) => {
    const runs = GROUPS.map(async ([args, env]) => {
      const options = { args, env: { RALLOC_DEBUG: 'off', ...env } };
      return { args, ...(await run('base/lazy-cuts.js', options)) };
    });
    for (const { args, result, stderr } of await Promise.all(runs)) {
      for (const name of args) {
        t.regex(result?.[name].cut ?? '', /\.js$/, `${name} was cut off ${stderr}`);
        t.is(result?.[name].next, 'ok', name);
      }
    }
  },
);

for (const [how, args] of [
  ['has emptied', []],
  ['has emptied and filled', ['again']],
  ['has put nothing in the place of all modules of', ['undefined']],
]) {
  test(`an object from before a program ${how} Node's cache loads what it needs later into its own copy`, async (t) => {
    const { result, stderr } = await run('base/dropped.js', { args });
    t.truthy(result, stderr);
    t.is(result.code, 'ERR_RALLOC_DEAD_BUFFER');
    t.is(result.leaks, 1);
    t.deepEqual(result.twice, []);
    t.true(result.isSame, 'what is in the cache');
  });
}

// What stands for Jest, which is too large to be installed for this: a require() over modules of
// its own, whose `require.cache` takes nothing from outside and can be emptied at any time, as by
// jest.resetModules(). Binaries are Node's, as there.

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname'];

function jestLike() {
  const modules = new Map();

  const cache = new Proxy(Object.create(null), {
    deleteProperty: () => true,
    get: (_, file) => modules.get(file),
    getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true }),
    ownKeys: () => [...modules.keys()],
    set: () => true,
  });

  function load(file) {
    if (modules.has(file)) return modules.get(file).exports;
    const module = { children: [], exports: {}, filename: file, loaded: false };
    modules.set(file, module);
    const text = fs.readFileSync(file, 'utf8');
    if (file.endsWith('.json')) module.exports = JSON.parse(text);
    else {
      const body = compileFunction(text, PARAMETERS, { filename: file });
      body(module.exports, requireOf(file), module, file, path.dirname(file));
    }
    module.loaded = true;
    return module.exports;
  }

  function requireOf(from) {
    const own = createRequire(from);
    const require = (name) => {
      const file = own.resolve(name);
      return /\.js(on)?$/.test(file) ? load(file) : own(name);
    };
    return Object.assign(require, { cache, resolve: own.resolve });
  }

  return {
    files: () => [...modules.keys()],
    require: load,
    reset: () => modules.clear(),
  };
}

test('where a cache takes no module, as that of Jest, the entry loads all, and nothing is loaded later', (t) => {
  const registry = jestLike();
  const ralloc = registry.require(path.join(LIB, 'index.js'));
  const { requestArena } = registry.require(path.join(LIB, 'fastify.js'));
  t.is(typeof requestArena, 'function');
  registry.reset();
  const region = new ralloc.Region();
  const buffer = region.alloc(8);
  region.free(buffer);
  const code = t.throws(() => new ralloc.Arena().from(buffer)).code;
  t.is(code, 'ERR_RALLOC_DEAD_BUFFER');
  t.deepEqual(registry.files(), []);
});

test('a load that throws is made again by the next use', (t) => {
  let count = 0;
  const get = lazy(() => {
    if (++count === 1) throw new RangeError('the stack ends');
    return { count };
  });
  t.throws(get, { instanceOf: RangeError });
  t.deepEqual(get(), { count: 2 });
});

test('an export that is a function is one before it is loaded, and loads when it is called', (t) => {
  let count = 0;
  const exports = { twice: undefined };
  exportLater(exports, [[lazy(() => ({ twice: (n) => n * 2, count: ++count })), 'twice()']]);
  const { twice } = exports;
  t.deepEqual([typeof twice, twice.name, count], ['function', 'twice', 0]);
  exports.twice = () => 'a stub';
  t.deepEqual([exports.twice(2), twice(2), count], ['a stub', 4, 1]);
});

test('another export is a plain property once it was read, and what is derived has its own', (t) => {
  const exports = { Class: undefined };
  class Class {}
  exportLater(exports, [[lazy(() => ({ Class })), 'Class']]);
  const derived = Object.create(exports);
  derived.Class = 'of the test';
  t.is(exports.Class, Class);
  t.is(Object.getOwnPropertyDescriptor(exports, 'Class').value, Class);
  exports.Class = 'a stub';
  t.deepEqual([exports.Class, derived.Class], ['a stub', 'of the test']);
});

/** Modules that stop their load while `isStopping`: one of ralloc's and one of nobody's. */
const STOPPING = `exports.first = 1;\nif (globalThis.isStopping) { ${STOP} }\nexports.last = 2;`;
const FILES = {
  'lib/whole.js': '',
  'lib/half.js': STOPPING,
  'lib/above.js': "exports.whole = require('./whole.js');\nexports.half = require('./half.js');",
  'other/half.js': STOPPING,
};

/** Calls load() and stops it in the middle of a module of STOPPING. */
function cutOff(t, load) {
  globalThis.isStopping = true;
  t.true(stopped(load));
  globalThis.isStopping = false;
}

needsInterrupt(
  'half a module, which a timeout of vm has left, is loaded anew; what is whole stays, and what is not ours',
  (t) => {
    const folder = fs.realpathSync(copyOfPackage(t, FILES));
    const at = (file) => path.join(folder, file);
    const { lazy: theirs } = require(at('lib/base/lazy.js'));
    const whole = require(at('lib/whole.js'));
    const get = theirs(() => require(at('lib/above.js')));
    cutOff(t, get);
    cutOff(t, () => require(at('other/half.js')));
    t.deepEqual({ ...require(at('lib/half.js')) }, { first: 1 }, 'so Node has it for ever');
    t.deepEqual(get(), { whole: {}, half: { first: 1, last: 2 } });
    t.is(get(), require(at('lib/above.js')));
    t.is(get().whole, whole);
    t.deepEqual({ ...require(at('other/half.js')) }, { first: 1 });
  },
);

/** As a `--require` that is at work: it uses what is loaded by its first use while it is loaded itself. */
const AT_WORK = `
  const { lazy } = require('./base/lazy.js');
  let isCutOff = false;
  const get = lazy(() => {
    if (!isCutOff) {
      isCutOff = true;
      throw new RangeError('the stack ends');
    }
    return require('./whole.js');
  });
  try {
    get();
  } catch {}
  get();
  exports.isKept = require.cache[__filename] === module;`;

test('a module that is at work while another load is cut off stays', (t) => {
  const folder = fs.realpathSync(
    copyOfPackage(t, { 'lib/at-work.js': AT_WORK, 'lib/whole.js': '' }),
  );
  t.true(require(path.join(folder, 'lib/at-work.js')).isKept);
});

/** A module that was cut off where Node has it in its cache, and has not begun to load it. */
const NOT_BEGUN = `
  const { Module } = require('node:module');
  const { lazy } = require('./base/lazy.js');
  const file = require.resolve('./whole.js');
  try {
    lazy(() => {
      require.cache[file] = new Module(file, module);
      throw new Error('cut off');
    })();
  } catch {}
  exports.whole = lazy(() => require('./whole.js'))();`;

test('a module that was cut off before it began to load is loaded by the next use', (t) => {
  const whole = 'exports.isWhole = true;';
  const folder = fs.realpathSync(
    copyOfPackage(t, { 'lib/not-begun.js': NOT_BEGUN, 'lib/whole.js': whole }),
  );
  t.deepEqual(require(path.join(folder, 'lib/not-begun.js')).whole, { isWhole: true });
});

/** What a server that has `req.arena` alone does not use. */
const UNUSED =
  /^tools\/|^lib\/(?:slab\/(?!slab)|region\/(?!region)|site\/(?:site|table)\.|debug\/(?:watch|leaks|stack)\/|auto\/|metrics\/|[a-z]+\/audit\.|request\/(?:body|raw-body|route|tune)\.|arena\/(?:adopt|collect|growing|listed)\.|memory\/(?:gc|fallback)\b|node\/(?:pipe\/|reading\.))/;

/** And what it does not use before its first request. */
const LATER =
  /^lib\/(?:budget|slab|region|site)\/|^lib\/(?:profiler|arena\/(?:owner|epoch|copy)|memory\/(?:chunk-pool|span|idle|stats)|node\/(?:release|guard\/(?:web|dgram)))\./;

/** Modules of Node which take milliseconds and megabytes, and which Express does not load. */
const HEAVY = ['dgram', 'https', 'perf_hooks', 'stream/web', 'tls', 'worker_threads'];

const isFallback = (file) => file.includes('fallback');

async function mount(how) {
  const env = { RALLOC_DEBUG: 'off', RALLOC_BACKEND: '', NODE_ENV: '' };
  const { result, stderr } = await run('base/mount.js', { args: [how], env });
  if (!('lib/node/guard/install.js' in (result?.files ?? {}))) throw new Error(stderr);
  const own = Object.entries(result.files).filter(([file]) => !isFallback(file));
  const lines = own.reduce((sum, [, count]) => sum + count, 0);
  return { files: own.map(([file]) => file), lines, modules: result.modules };
}

const mounts = { require: mount('require'), import: mount('import') };

for (const [how, most] of [
  ['require', 4480],
  ['import', 6230],
]) {
  test(`a mount by ${how} loads at most ${most} lines of code, and nothing that req.arena alone does not need`, async (t) => {
    const { files, lines } = await mounts[how];
    t.deepEqual(
      files.filter((file) => UNUSED.test(file)),
      [],
    );
    t.true(lines > 1000 && lines <= most, `${lines} lines in ${files.length} files`);
  });
}

test('a mount by require loads nothing that the first request can wait for, and no module of Node that Express does not need', async (t) => {
  const { files, modules } = await mounts.require;
  t.deepEqual(
    files.filter((file) => LATER.test(file)),
    [],
  );
  t.deepEqual(
    modules.filter((name) => HEAVY.includes(name)),
    [],
  );
});

test('what a mount loads is Latin-1, for V8 keeps a source with one other character at two bytes each', async (t) => {
  const { files } = await mounts.require;
  const isWide = (file) =>
    /[^\0-\xff]/.test(fs.readFileSync(path.join(__dirname, '../..', file), 'utf8'));
  t.deepEqual(files.filter(isWide), []);
});
