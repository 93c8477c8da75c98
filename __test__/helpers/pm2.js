'use strict';

// PM2 itself (scripts/ci/get-readers.js), with a daemon and a home of its own.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { pm2: PM2 } = require('./readers.js');
const { until } = require('./until.js');

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits for the end of its input, which is that of the test, also of one that is killed, and ends the daemon if it is still there. */
const WATCH = `process.stdin.resume().on('end', () => {
  try {
    process.kill(Number(require('node:fs').readFileSync(process.argv[1], 'utf8')));
  } catch {}
});`;

/** Starts an application in a folder: `pm2(...words)` resolves with what that prints, `logs()` returns all that it has printed, `end()` leaves no daemon behind. */
async function startPm2(t, folder, app) {
  const home = path.join(folder, 'pm2');
  const pidFile = path.join(home, 'pm2.pid');
  const env = { ...process.env, PM2_HOME: home, PM2_DISCRETE_MODE: 'true' };
  const pm2 = async (...words) => {
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(process.execPath, [PM2, ...words], { cwd: folder, env, stdio });
    const told = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await once(child, 'close');
    const all = (await told).join('');
    if (code !== 0) throw new Error(`pm2 ${words.join(' ')}: ${all}`);
    return all;
  };
  let isOver = false;
  const end = async () => {
    if (isOver) return; // each command starts a daemon where none is
    isOver = true;
    const pid = Number(fs.readFileSync(pidFile, 'utf8'));
    await pm2('kill');
    await until(() => !isAlive(pid));
    watch.stdin.end();
  };
  fs.writeFileSync(path.join(folder, 'apps.json'), JSON.stringify({ apps: [app] }));
  const stdio = ['pipe', 'ignore', 'ignore'];
  const watch = spawn(process.execPath, ['-e', WATCH, pidFile], { stdio, detached: true });
  t.teardown(end);
  await pm2('start', 'apps.json');
  const logs = () => {
    const dir = path.join(home, 'logs');
    const files = fs.readdirSync(dir).filter((file) => /out/.test(file));
    return files.map((file) => fs.readFileSync(path.join(dir, file), 'utf8')).join('');
  };
  return { pm2, logs, end };
}

module.exports = { isAlive, startPm2 };
