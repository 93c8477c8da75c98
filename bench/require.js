'use strict';

// What `require('ralloc')` and a mount add to a start, and to an Express server at rest and after 2,000 requests of JSON that do not use
// their arena: a fresh process for every sample, in turns.
//
// Caveats: the files are in the page cache after the first round; a cold disk is slower. The time is taken
// inside the process around the one require, so starting Node itself is not in it. The client of the 2,000 requests is in the server's process.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { compareSamples } = require('./harness.js');

const SAMPLES = 32;
const ROOT = path.join(__dirname, '..');

const PROGRAM = `
  const begun = process.hrtime.bigint();
  require(process.argv[1]);
  process.stdout.write(String(Number(process.hrtime.bigint() - begun) / 1e6));
`;

/** Milliseconds that a fresh process takes to require `name`. */
function loading(name, env = {}) {
  return () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', PROGRAM, name], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`require(${JSON.stringify(name)}) failed: ${stderr}`);
    return Number(stdout);
  };
}

/** CPU in ms, or RSS in MB, of a process that does one of the works of the fixture. */
function working(work, figure) {
  return () => {
    const file = path.join(__dirname, 'fixtures', 'mount.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, work], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`bench/fixtures/mount.js ${work} failed: ${stderr}`);
    const { cpu, rss } = JSON.parse(stdout);
    return figure === 'cpu' ? cpu : rss / 1e6;
  };
}

const cpuOf = (works) =>
  compareSamples(
    Object.fromEntries(works.map((work) => [work, working(work, 'cpu')])),
    'ms',
    SAMPLES,
  );

const rssOf = (works) =>
  compareSamples(
    Object.fromEntries(works.map((work) => [work, working(work, 'rss')])),
    'MB',
    SAMPLES,
  );

const start = () =>
  compareSamples(
    {
      'node:path (nothing to load)': loading('node:path'),
      ralloc: loading(ROOT),
      'ralloc, fallback': loading(ROOT, { RALLOC_BACKEND: 'js' }),
      express: loading('express'),
    },
    'ms',
    SAMPLES,
  );

module.exports = {
  notMeasured: 'a cold page cache; the first allocation after the require',
  scenarios: {
    start,
    'a mount, CPU': () => cpuOf(['express', 'mount']),
    'an Express server at rest, RSS': () => rssOf(['plain', 'mounted']),
    '2,000 requests of JSON, CPU': () => cpuOf(['plain, asked', 'mounted, asked']),
    '4,000 requests of JSON after those, CPU': () =>
      cpuOf(['plain, asked before', 'mounted, asked before']),
    'after 2,000 requests of JSON, RSS': () => rssOf(['plain, asked', 'mounted, asked']),
    'at rest after 2,000 requests of JSON, RSS': () =>
      rssOf(['plain, at rest', 'mounted, at rest']),
  },
};
