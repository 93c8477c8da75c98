'use strict';

// Other people's programs that read what ralloc writes, or run it, where scripts/ci/get-readers.js has put them.

const fs = require('node:fs');
const path = require('node:path');

const { platform } = process;

/** What Linux has brought Windows does not run, which Wine makes of it. */
const READERS = path.join(
  ...[__dirname, '..', '..', 'target', 'tools'],
  platform === 'linux' ? 'readers' : `readers-${platform}`,
);

/** Go's own pprof. */
const pprof = path.join(READERS, platform === 'win32' ? 'pprof.exe' : 'pprof');
/** The package @duckdb/node-api. */
const duckdb = path.join(READERS, 'duckdb', 'node_modules', '@duckdb', 'node-api');

/** Python's prometheus_client, a folder of modules, and Debian's Prometheus. */
const pythonClient = path.join(READERS, 'prometheus-client');
const prometheus = path.join(READERS, 'prometheus');
const promtool = path.join(prometheus, 'usr', 'bin', 'promtool');

/** PM2, for `npm run soak`. */
const pm2 = path.join(READERS, 'pm2', 'node_modules', 'pm2', 'bin', 'pm2');

/** Bun and Deno, for `npm run soak`: of RALLOC_BUN and RALLOC_DENO, or else from npm, where the package of the platform holds the binary. */
const runtimes = path.join(READERS, 'runtimes');
function runtimeOf(scope, file) {
  const folder = path.join(runtimes, 'node_modules', scope);
  const packages = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return packages.map((name) => path.join(folder, name, file)).find((one) => fs.existsSync(one));
}
const bun = process.env.RALLOC_BUN ?? runtimeOf('@oven', 'bin/bun');
const deno = process.env.RALLOC_DENO ?? runtimeOf('@deno', 'deno');

const hasPprof = fs.existsSync(pprof);
const hasDuckdb = fs.existsSync(duckdb);

const hasPythonClient = fs.existsSync(pythonClient);
const hasPrometheus = fs.existsSync(promtool);

module.exports = {
  READERS,
  bun,
  deno,
  duckdb,
  hasDuckdb,
  hasPm2: fs.existsSync(pm2),
  hasPprof,
  hasPrometheus,
  hasPythonClient,
  pm2,
  pprof,
  prometheus,
  promtool,
  pythonClient,
  runtimes,
};
