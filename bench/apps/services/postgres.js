// A PostgreSQL of its own, with the files that are asked for, on a socket in a temporary folder. It
// runs as `nobody` where we are root, which PostgreSQL refuses to be.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const NOBODY = 65_534;
const DEBIAN = '/usr/lib/postgresql'; // a folder for each version, which are not in PATH
const PROGRAMS = ['initdb', 'postgres'];
const TRIES = 100; // of 100 ms
const who = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

function everywhere() {
  const versions = fs.existsSync(DEBIAN) ? fs.readdirSync(DEBIAN) : [];
  const folders = versions.map((version) => path.join(DEBIAN, version, 'bin'));
  return [...folders, ...(process.env.PATH ?? '').split(path.delimiter)];
}

/** The folder that has them, or undefined. */
const programsIn = (folders) =>
  folders.find((dir) => PROGRAMS.every((name) => fs.existsSync(path.join(dir, name))));

/** What is missing for it, in words; null where nothing is. */
function missing(folders = everywhere()) {
  if (programsIn(folders) !== undefined) return null;
  return `PostgreSQL is needed (${PROGRAMS.join(' and ')}), which is the package postgresql of Debian`;
}

async function connected(config) {
  const { Client } = require('pg');
  for (let n = 1; ; n++) {
    const client = new Client(config);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (n === TRIES) throw error;
      await sleep(100);
    }
  }
}

async function fill(host, exchanges) {
  const client = await connected({ host, user: 'postgres', database: 'postgres' });
  await client.query('CREATE TABLE files (path text PRIMARY KEY, data bytea)');
  for (const { path: name, answer } of exchanges) {
    await client.query('INSERT INTO files VALUES ($1, $2)', [name, answer]);
  }
  await client.end();
}

/**
 * Resolves to `{ upstream, pid, stop }`: the folder of its socket, its process, and what ends it.
 */
async function start(exchanges) {
  const bin = programsIn(everywhere());
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-pg-'));
  if (who.uid) fs.chownSync(folder, who.uid, who.gid);
  const data = path.join(folder, 'data');
  const remove = () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  const made = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...who, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) {
    remove();
    throw new Error(`initdb: ${made.error?.message ?? made.stderr.trim()}`);
  }
  const args = ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'];
  const server = spawn(path.join(bin, 'postgres'), args, { ...who, cwd: folder, stdio: 'ignore' });
  const abort = () => {
    server.kill('SIGQUIT');
    remove();
  };
  process.once('exit', abort);
  const stop = async () => {
    process.off('exit', abort);
    if (server.exitCode === null && server.kill('SIGQUIT')) await once(server, 'exit');
    remove();
  };
  try {
    await fill(folder, exchanges);
    return { upstream: folder, pid: server.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

module.exports = { missing, start };
