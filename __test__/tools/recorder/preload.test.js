'use strict';
// tier: tools

// `node --import ralloc/profile app.js`, told by the environment.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { ALIVE, BORN } = require('../../../tools/recorder/events.js').events;
const { Profile } = require('../../../tools/recorder/profile.js');
const { folder } = require('../../helpers/folder.js');
const { run, fixturePath } = require('../../helpers/child.js');
const { preloaded, profiled } = require('../../helpers/profile.js');
const { posixTest } = require('../../helpers/backend.js');
const { Sites } = require('../../../tools/recorder/sites.js');

const EACH = { RALLOC_PROFILE_RATE: '1' }; // is a sample
const PRELOAD = join(__dirname, '..', '..', '..', 'tools', 'recorder', 'preload.js');

for (const option of ['--import', '--require']) {
  test(`${option} ralloc/profile records the application, with a budget of 2 %`, async (t) => {
    const file = join(folder(t), 'a.jsonl');
    const execArgv = [option, 'ralloc/profile'];
    const env = { RALLOC_PROFILE_FILE: file };
    const { code, stderr } = await run('tools/recorder/echo.js', { execArgv, env });
    t.is(code, 0);
    t.is(stderr, '');
    const { recorders } = Profile.read(file);
    t.deepEqual(
      recorders.map(({ budget }) => budget),
      [0.02],
    );
  });
}

test('loaded twice, by --import and NODE_OPTIONS, it records once', async (t) => {
  const env = { NODE_OPTIONS: '--require ralloc/profile' };
  const { code, stderr, read } = await preloaded(t, 'echo.js', { env });
  t.is(code, 0, stderr);
  t.is(read().recorders.length, 1);
});

test('without a name the file is in the folder in which the application began', async (t) => {
  const cwd = folder(t);
  const { code } = await run('tools/recorder/echo.js', { execArgv: ['--require', PRELOAD], cwd });
  t.is(code, 0);
  const [file, ...others] = fs.readdirSync(cwd);
  t.regex(file, /^ralloc-20\d{6}-\d{6}-\d+\.jsonl$/);
  t.deepEqual(others, []);
});

for (const [name, value, message] of [
  ['RALLOC_PROFILE_BUDGET', '200', 'must be > 0 and <= 100, percent of a core'],
  ['RALLOC_PROFILE_RATE', '64x', 'must be a number of bytes, such as 65536 or 64k'],
  ['RALLOC_PROFILE_MAX_BYTES', '1m', 'must be a number of bytes from 16m on'],
  ['RALLOC_PROFILE_SNAPSHOT_ABOVE', '0', 'must be a number of bytes, such as 512m'],
  ['RALLOC_PROFILE_SNAPSHOT_SIGNAL', 'SIGKILL', "one of 'SIG"],
]) {
  test(`a wrong ${name} (${message}) is ignored, and told`, async (t) => {
    const { code, stderr, file } = await preloaded(t, 'echo.js', { env: { [name]: value } });
    t.is(code, 0);
    t.true(
      stderr.includes(
        `RALLOC_WRONG_VALUE] RallocWarning: ${name} is '${value}', which is ignored: `,
      ),
    );
    t.true(stderr.includes(message), stderr);
    t.true(fs.existsSync(file));
  });
}

for (const [name, value, message] of [
  ['RALLOC_PROFILE_FILE', join(__dirname, 'none', 'a.jsonl'), 'ERR_RALLOC_PROFILE_UNWRITABLE'],
  ['RALLOC_PROFILE_FILE', __filename, 'ERR_RALLOC_PROFILE_FOREIGN'],
]) {
  test(`a wrong ${name} (${message}) ends the process before the application begins`, async (t) => {
    const { code, stdout, stderr, file } = await preloaded(t, 'echo.js', {
      env: { [name]: value },
    });
    t.is(code, 1);
    t.is(stdout, '');
    t.true(stderr.includes(message), stderr);
    t.false(fs.existsSync(file));
  });
}

test('an application that replaces functions of Buffer, fs, timers, clocks, and its folder', async (t) => {
  const env = { RALLOC_PROFILE_RATE: '65536' }; // enough samples for 20 %, however slow the machine is
  const { code, stderr, read } = await preloaded(t, 'replaces.js', { env });
  t.is(code, 0, stderr);
  const { cells, recorders, skipped } = read();
  t.is(recorders.length, 1);
  t.is(skipped, 0);
  const alive = cells.filter(({ event }) => event === ALIVE);
  const bytes = alive.reduce((sum, cell) => sum + cell.bytes, 0);
  t.true(Math.abs(bytes / (1000 * 64 * 1024) - 1) < 0.2, `${bytes} bytes are alive`);
});

test('an application that freezes process goes on', async (t) => {
  const { code, stderr, result } = await preloaded(t, 'freezes.js');
  t.is(code, 0, stderr);
  t.deepEqual(result, { isDone: true });
});

// Modules of Node that take much memory are loaded by the application, and not for the recorder;
// what it takes out of them is recorded.

const SIZE = 300_000;
const SIZE_CLASS = 19; // of that alone
const RANDOM = 70_000; // bytes

/** Node 20 does not tell what is loaded. */
const IS_TOLD = Number.parseInt(process.versions.node, 10) >= 22;

for (const way of [
  'require()',
  'a property of fs',
  'process.getBuiltinModule()',
  'import()',
  'static imports',
]) {
  test(`what functions from ${way} allocate is counted, and a thread of a class from there has a recorder`, async (t) => {
    const file = join(folder(t), 'file');
    fs.writeFileSync(file, Buffer.alloc(SIZE));
    const options = { args: [way, file], options: ['--rate', '1'] };
    const ended = await profiled(t, 'loads-late.cjs', options);
    t.is(ended.result?.length, SIZE, ended.stderr);
    if (IS_TOLD) t.deepEqual(ended.result.loaded, []);
    const profile = ended.read();
    t.is(profile.recorders.length, 2);
    const born = profile.cells.filter(({ event }) => event === BORN);
    const bytesOf = (is) => born.filter(is).reduce((sum, { bytes }) => sum + bytes, 0);
    t.is(
      bytesOf(({ sizeClass }) => sizeClass === SIZE_CLASS),
      SIZE,
    );
    t.is(
      bytesOf(({ bytes }) => bytes === RANDOM),
      RANDOM,
    );
  });
}

// Which collections a recorder asks for: each that V8 does not want costs the application more than
// its time.

test('none is asked for where all that lives has survived two', async (t) => {
  const { code, stderr, result } = await preloaded(t, 'collects.js', {
    args: ['keeps'],
    env: EACH,
  });
  t.is(code, 0, stderr);
  t.true(result.minors <= 5, `${result.minors} in 16 ticks`);
});

test('none is asked for where V8 has just made one of any kind', async (t) => {
  const execArgv = ['--expose-gc'];
  const options = { args: ['collects'], execArgv, env: EACH };
  const { code, stderr, result } = await preloaded(t, 'collects.js', options);
  t.is(code, 0, stderr);
  t.true(result.minors <= 3, `${result.minors} in 16 ticks`);
});

// Applications that take away what the recorder needs: they run as without it.

test('a site whose definition was stopped is defined by the next block, and has its id', (t) => {
  const sites = new Sites();
  const site = sites.ofStream('http', 'GET /');
  const { compiled } = sites;
  sites.compiled = {
    tell() {
      throw new Error('stopped');
    },
  };
  t.throws(() => sites.untold());
  sites.compiled = compiled;
  t.like(sites.untold(), [{ id: site.id, source: 'http', route: 'GET /' }]);
  t.regex(site.id, /^[0-9a-f]{16}$/);
  t.deepEqual(sites.untold(), []);
});

const KEPT = 1001;

for (const way of ['no process', 'another process', 'another Error']) {
  test(`an application with ${way} on the global object runs, and is recorded to its end`, async (t) => {
    const { code, stderr, result, read } = await profiled(t, 'takes-away.js', { args: [way] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { kept: KEPT });
    t.regex(stderr, /^ralloc: Recorded one thread in .*\n$/);
    const sites = new Set(read().sites.map(({ frames }) => frames[0]?.line));
    t.true(sites.size >= 2, 'with the lines of before and after');
  });
}

for (const [way, end] of [
  ['Map.prototype.get throws', 'return'],
  ['Map.prototype.get throws', 'exit'],
  ['Map.prototype.get throws', 'signal'],
  ['WeakMap.prototype.has throws', 'return'],
  ['Object.defineProperty throws', 'return'],
  ['Array.prototype.push throws undefined', 'exit'],
]) {
  const endTest = end === 'signal' ? posixTest : test;
  endTest(`an application where ${way} goes on to its end, by ${end}`, async (t) => {
    const { stderr, signal, result } = await profiled(t, 'takes-away.js', { args: [way, end] });
    t.deepEqual(result, { kept: KEPT }, stderr);
    t.is(signal, end === 'signal' ? 'SIGTERM' : null, stderr);
    t.notRegex(stderr, /^\s+at /m, 'no uncaught error');
  });
}

test('an application that tames Error before it starts the profiler has its lines', async (t) => {
  const file = join(folder(t), 'a.jsonl');
  const { code, stderr } = await run('tools/recorder/locks-down.js', { args: [file] });
  t.is(code, 0, stderr);
  const files = Profile.read(file).sites.map(({ frames }) => frames[0]?.file);
  t.true(files.includes(fixturePath(join('tools/recorder', 'locks-down.js'))), `${files}`);
});

test("an application that vm's timeout stops while it allocates is recorded to its end", async (t) => {
  const { code, stderr, result, read } = await profiled(t, 'stopped.js', {
    options: ['--rate', '4k'],
  });
  t.is(code, 0, stderr);
  t.deepEqual(result, { kept: 1000 });
  const { skipped, cells } = read();
  t.is(skipped, 0, 'no line of it makes no sense');
  const alive = cells.filter(({ event }) => event === ALIVE);
  t.true(alive.reduce((sum, { bytes }) => sum + bytes, 0) > 1000 * 16 * 1024 * 0.8);
});
