'use strict';
// tier: tools

// How applications are started and ended on Windows: by a console, by taskkill, and by batch files.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { ALIVE } = require('../../../tools/recorder/events.js').events;
const { Profile } = require('../../helpers/sums.js');
const native = require('../../../lib/memory/native.js');
const { testWhere } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { bin, ralloc } = require('../../helpers/profile.js');
const { told, tried } = require('../../helpers/tried.js');

const IS_WINDOWS = process.platform === 'win32';
const windowsTest = (title, body) => testWhere(IS_WINDOWS, 'Windows', title, body);
const consoleTest = (title, body) =>
  testWhere(
    IS_WINDOWS && native.pressCtrlCForTest !== undefined,
    'Windows, and a binary for tests',
    title,
    body,
  );

const CONTROL_C_EXIT = 0xc000013a;
const MIB = 1024 * 1024;
const ENDS = fixturePath('tools/recorder/ends.js');

/** A program of Node's in a console of its own, in which Ctrl+C is pressed when it has printed a line: { code, stdout, stderr }. */
async function interrupted(args, cwd) {
  const child = spawn(process.execPath, [fixturePath('tools/cli/console.js'), ...args], {
    cwd,
    windowsHide: true, // a console without a window, if it inherits no stream
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Whether the recorder came to its end, and told what was alive: all that ends.js keeps. */
function assertSettled(t, file) {
  const alive = Profile.read(file).cells.filter(({ event }) => event === ALIVE);
  const bytes = alive.reduce((sum, cell) => sum + cell.bytes, 0);
  t.true(bytes > 25 * MIB && bytes < 40 * MIB, `${bytes} bytes are alive at the end`);
}

for (const [how, code] of [
  ['wait', CONTROL_C_EXIT],
  ['graceful end', 5],
]) {
  consoleTest(`Ctrl+C ends an application after its profile: ${how}`, async (t) => {
    const file = path.join(folder(t), 'a.jsonl');
    const profile = [bin, 'profile', '-o', file, '--rate', '32k', '--', process.execPath];
    const ended = await interrupted([...profile, ENDS, how]);
    t.is(ended.code, code, ended.stderr);
    t.regex(ended.stderr, /^ralloc: Recorded one thread in .*\r?\n$/);
    assertSettled(t, file);
  });
}

consoleTest('Ctrl+C ends a trial after its report', async (t) => {
  const main = `exports.done.then(() => require('node:net').createServer().listen(0));\n`;
  const app = tried(t);
  fs.appendFileSync(app.file('app.js'), main);
  const ended = await interrupted(
    [bin, 'compare', '--table', '--', process.execPath, 'app.js'],
    app.dir,
  );
  t.is(ended.code, CONTROL_C_EXIT, ended.stderr);
  t.regex(told(ended.stderr)[0], /^1 of 1 site was active/);
});

windowsTest('taskkill /F leaves a profile of what was before, and ralloc says so', async (t) => {
  const file = path.join(folder(t), 'a.jsonl');
  const profile = ['profile', '-o', file, '--', process.execPath, ENDS, 'wait'];
  const child = spawn(process.execPath, [bin, ...profile], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = text(child.stderr);
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  execFileSync('taskkill', ['/F', '/PID', `${JSON.parse(line).pid}`]);
  await once(child, 'exit');
  t.regex(
    await said,
    /^ralloc: 1 process ended without a word, as by taskkill \/F: up to 2 s at the end are missing\r?\nralloc: Recorded one thread/,
  );
  const { recorders, skipped } = Profile.read(file);
  t.deepEqual([recorders.length, skipped], [1, 0]);
});

windowsTest('taskkill /F of the launcher leaves a profile too, and no application', async (t) => {
  const file = path.join(folder(t), 'a.jsonl');
  const profile = ['profile', '-o', file, '--', process.execPath, ENDS, 'wait'];
  const child = spawn(process.execPath, [bin, ...profile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  execFileSync('taskkill', ['/F', '/PID', `${child.pid}`]);
  await once(child, 'close'); // the application had the pipe too
  const { recorders, skipped } = Profile.read(file);
  t.deepEqual([recorders.length, skipped], [1, 0]);
});

windowsTest('a batch file is recorded, with its arguments and its exit code', async (t) => {
  const dir = path.join(folder(t), 'My Tools');
  fs.mkdirSync(dir);
  const echo = fixturePath('tools/recorder/echo.js');
  fs.writeFileSync(path.join(dir, 'app.cmd'), `@"${process.execPath}" "${echo}" %*\r\n`);
  const name = Object.keys(process.env).find((one) => /^path$/i.test(one));
  const env = { [name]: `${dir};${process.env[name]}` };
  const args = ['fail', 'a b', 'x&y', 'C:\\', 'say "x"', '^'];
  const file = path.join(dir, 'a.jsonl');
  const { code, result, stderr } = await ralloc(['profile', '-o', file, '--', 'app', ...args], {
    env,
  });
  t.deepEqual(result?.args, args, stderr);
  t.is(code, 9);
  t.is(Profile.read(file).recorders.length, 1);
});
