// The packages of the applications: installed as their lock says into a node_modules of their own,
// beside which ralloc is linked as if it were installed too.

const fs = require('node:fs');
const path = require('node:path');
const { npm } = require('../../demo/download.js');

const ROOT = path.join(__dirname, '..', '..');

/** Installs them where that was not done yet. Rejects where npm cannot get them. */
async function install(folder = __dirname) {
  const lock = path.join(folder, 'package-lock.json');
  const modules = path.join(folder, 'node_modules');
  const done = path.join(modules, '.installed-lock.json'); // a copy of the lock, made last
  if (fs.existsSync(done) && fs.readFileSync(done).equals(fs.readFileSync(lock))) return;
  await npm([
    ...['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'],
    ...['--loglevel=error', '--fetch-retries=1', '--fetch-retry-mintimeout=1000'],
  ]);
  fs.mkdirSync(modules, { recursive: true }); // which npm does not make for no packages
  fs.symlinkSync(ROOT, path.join(modules, 'ralloc'), 'junction');
  fs.copyFileSync(lock, done);
}

module.exports = { install };
