'use strict';
// tier: tools

// `node --import ralloc/profile app.js`, told by the environment.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { ALIVE } = require('../../../tools/recorder/events.js').events;
const { Profile } = require('../../../tools/recorder/profile.js');
const { folder } = require('../../helpers/folder.js');
const { run } = require('../../helpers/child.js');
const { preloaded } = require('../../helpers/profile.js');

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
  ['RALLOC_PROFILE_TYPED_ARRAYS', 'yes', "one of '0', '1'"],
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
