'use strict';
// tier: tools

// Children whose environment has nothing of `ralloc profile`, since the application gives them one of its own.

const test = require('ava');
const fs = require('node:fs');
const { dirname, join } = require('node:path');
const { fixturePath, run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { profiled, ralloc } = require('../../helpers/profile.js');
const { Profile } = require('../../../tools/recorder/profile.js');

const isWindows = process.platform === 'win32';

/** Without what each process of Windows has of the one that started it, whatever environment it was given. */
const withoutSystem = (env) =>
  Object.fromEntries(
    Object.entries(env).filter(([name, value]) => !isWindows || process.env[name] !== value),
  );

test('children with an environment of their own are recorded into the same file, and see that environment', async (t) => {
  const cwd = folder(t);
  const { code, stderr, result, file, read } = await profiled(t, 'own-environment.js', { cwd });
  t.is(code, 0, stderr);
  for (const [name, { env, maxHeaderSize }] of Object.entries(result)) {
    const { PATH, NODE_V8_COVERAGE: _, ...own } = env; // which Node gives every child of a process that has it
    t.deepEqual(
      withoutSystem(own),
      { MINE: '1', NODE_OPTIONS: '--max-http-header-size=20000' },
      name,
    );
    t.is(PATH, isWindows || name === 'spawn by a name' ? process.env.PATH : undefined);
    t.is(maxHeaderSize, 20000, name);
  }
  const children = Object.keys(result).length + 1; // one has a child of its own
  t.is(new Set(read().recorders.map(({ pid }) => pid)).size, 1 + children);
  t.deepEqual(fs.readdirSync(cwd), [], 'no other profile');
  t.is(fs.readdirSync(dirname(file)).length, 1);
});

const hasShell = !isWindows;

/** A program of fixtures/tools/recorder/ as the child of a shell: the recorder comes by NODE_OPTIONS alone. */
async function inShell(t, program, ...args) {
  const file = join(folder(t), 'a.jsonl');
  const words = [process.execPath, fixturePath(join('tools/recorder', program)), ...args];
  const line = words.map((word) => `'${word}'`).join(' ');
  const ended = await ralloc(['profile', '-o', file, '--', 'sh', '-c', `${line}; exit $?`]);
  return { ...ended, file, read: () => Profile.read(file) };
}

function assertWorkers(t, { code, stderr, result, read }) {
  t.is(code, 0, stderr);
  const { env, nested, ...others } = result.workers.env;
  t.deepEqual(env, { MINE: '1' });
  t.deepEqual(nested.env, { MINE: '1' }, 'a worker of a worker');
  t.deepEqual(result.workers['env and execArgv'], { env: { MINE: '1' }, execArgv: 0 });
  t.deepEqual(result.workers['env with NODE_OPTIONS'].env, { NODE_OPTIONS: '--no-warnings' });
  t.deepEqual(Object.keys(others), ['execArgv']);
  t.deepEqual(Object.keys(result.workers['a copy'].env), ['PATH']);
  t.deepEqual(result.looks, {
    isInstance: true,
    isHeir: true,
    isConstructor: true,
    isImported: true,
    name: 'Worker',
    length: 1,
  });
  const { recorders } = read();
  t.is(new Set(recorders.map(({ pid }) => pid)).size, 1);
  t.is(recorders.length, 6);
}

test('workers with an environment of their own are recorded, and see that environment', async (t) => {
  assertWorkers(t, await profiled(t, 'worker-environment.js'));
});

if (hasShell) {
  test('so they are where a shell starts the application', async (t) => {
    assertWorkers(t, await inShell(t, 'worker-environment.js'));
  });
}

test('and where NODE_OPTIONS of the user load the recorder', async (t) => {
  const file = join(folder(t), 'a.jsonl');
  const env = { NODE_OPTIONS: '--import ralloc/profile', RALLOC_PROFILE_FILE: file };
  const ended = await run('tools/recorder/worker-environment.js', { env });
  assertWorkers(t, { ...ended, read: () => Profile.read(file) });
});

for (const [where, start] of [
  ['node', (t, ...args) => profiled(t, 'own-options.js', { args })],
  ['a shell', (t, ...args) => inShell(t, 'own-options.js', ...args)],
]) {
  if (where === 'a shell' && !hasShell) continue;
  test(`children with the environment but for NODE_OPTIONS are recorded, by ${where}`, async (t) => {
    const { code, stderr, result, read } = await start(t);
    t.is(code, 0, stderr);
    t.is(read().recorders.length, 1 + result.started);
  });
}
