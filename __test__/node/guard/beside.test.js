'use strict';
// tier: run-time

// The guard beside others who replace functions of Node, whoever came first: the bytes are right, what they record is
// recorded, and errors are Node's own. dd-trace, jest and vitest are too large to be installed for this; what stands
// for them is a wrapper as shimmer's, and a realm for each registry of modules.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { createHook } = require('node:async_hooks');
const fs = require('node:fs');
const { join } = require('node:path');
const vm = require('node:vm');
const { run } = require('../../helpers/child.js');
const { Arena, backend } = require('../../../lib/index.js');
const { nodeMajor } = require('../../helpers/backend.js');
const { folder } = require('../../helpers/folder.js');
const { outlive, inPool, isAll } = require('../../helpers/in-flight.js');
const { installOnce } = require('../../helpers/installed.js');
const { globals, requireIn } = require('../../helpers/realm.js');

const CODES = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ENOENT', 'ENOENT'];
const recordedBy = {
  'graceful-fs': [],
  tracer: ['end', 'request', 'write', 'writeFile'],
  OpenTelemetry: ['POST', 'fs writeFile', 'tcp.connect'],
};

for (const [other, names] of Object.entries(recordedBy)) {
  for (const when of ['before', 'after']) {
    test(`${other} that came ${when} the guard`, async (t) => {
      const { code, stderr, result } = await run('node/beside.js', {
        args: [other, when, ...names],
      });
      t.is(code, 0, stderr);
      t.deepEqual(result.wrong, []);
      t.deepEqual(result.codes, CODES);
      t.is(result.held, 0);
      const missing = names.filter((name) => !(result.recorded[name] > 0));
      t.deepEqual(missing, [], JSON.stringify(result.recorded));
    });
  }
}

test('what ralloc makes when it is loaded is no open handle to those who count them, as Jest does', (t) => {
  const made = [];
  const hook = createHook({ init: (_id, type, _trigger, resource) => made.push([type, resource]) });
  const path = require.resolve('../../../lib/base/time.js');
  const mine = require.cache[path];
  delete require.cache[path];
  hook.enable();
  require('../../../lib/base/time.js');
  hook.disable();
  require.cache[path] = mine;
  t.deepEqual(
    made.map(([type]) => type),
    ['RALLOC'],
  );
  t.false(made[0][1].hasRef());
});

// The guard over realms, copies of ralloc, and the permission model.

const context = vm.createContext({ ...globals(), fs });
const foreign = (code) => vm.runInContext(code, context);

const ways = {
  'a Buffer': '(buffer) => buffer',
  'a Uint8Array of that realm': '(b) => new Uint8Array(b.buffer, b.byteOffset, b.length)',
  'a Float64Array of that realm': '(b) => new Float64Array(b.buffer, b.byteOffset, b.length / 8)',
  'a DataView of that realm': '(b) => new DataView(b.buffer, b.byteOffset, b.length)',
};

for (const [what, code] of Object.entries(ways)) {
  test.serial(`${what} that a function of another context gives to fs is held`, async (t) => {
    const file = join(folder(t), 'file');
    const write = foreign(
      `(file, buffer, callback) => fs.writeFile(file, (${code})(buffer), callback)`,
    );
    const begin = inPool((buffer) => new Promise((resolve) => write(file, buffer, resolve)));
    const { seen, isIntact, stats } = await outlive(t, { guard: true }, begin);
    t.is(seen, null);
    t.true(isAll(fs.readFileSync(file), 'a'));
    t.true(isIntact);
    t.true(stats.fs.operations > 0);
  });
}

test.serial('arenas of a ralloc that was evaluated in another context are held', async (t) => {
  const other = requireIn(vm.createContext(globals()), require.resolve('../../..'));
  t.not(other.Arena, Arena);
  const file = join(folder(t), 'file');
  const arena = new other.Arena({ guard: true });
  const buffer = arena.allocUnsafe(1000).fill('a');
  const written = fs.promises.writeFile(file, buffer);
  arena.reset();
  arena.allocUnsafe(1000).fill('b');
  t.true(arena.stats().memory.held > 0);
  await written;
  await new Promise(setImmediate);
  t.true(isAll(fs.readFileSync(file), 'a'));
  t.is(arena.stats().memory.held, 0);
  arena.close();
});

const withTwo = installOnce({
  files: {
    'other/package.json': '{}',
    'two.js': fs.readFileSync(join(__dirname, '../../fixtures/node/two-copies.js')),
  },
});

for (const first of ['one', 'other']) {
  test(`two copies of ralloc: arenas of both are held, once, where ${first} came first`, async (t) => {
    const path = withTwo();
    const args = [first, join(__dirname, '..', '..', '..')];
    const { code, stderr, result } = await run('', { path: join(path, 'two.js'), args });
    t.is(code, 0, stderr);
    const each = { right: true, heldThen: true, held: 0, operations: 1, bytes: 1000 };
    t.deepEqual(result, { same: false, one: each, other: each });
  });
}

test('a node:stream that somebody froze: what is written is held once', async (t) => {
  const { code, stderr, result } = await run('node/frozen-stream.js');
  t.is(code, 0, stderr);
  t.is(result, 1);
});

const permission = nodeMajor >= 22 ? '--permission' : '--experimental-permission';

test('under the permission model the guard is installed, without a warning or a rejection', async (t) => {
  const execArgv = [permission, `--allow-fs-read=${join(__dirname, '..', '..', '..')}/*`];
  if (backend === 'native' && nodeMajor >= 20) execArgv.push('--allow-addons');
  const { code, stderr, result } = await run('node/permission.js', { execArgv });
  t.is(code, 0, stderr);
  t.deepEqual(result, {
    replaced: true,
    warnings: [],
    rejections: [],
    errors: ['ERR_ACCESS_DENIED'],
    held: 0,
  });
});
