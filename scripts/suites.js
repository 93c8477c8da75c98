'use strict';

// The tests of packages whose functions ralloc/auto changes, with ralloc/auto in front of them:
//
//   node scripts/suites.js FOLDER … [--match TEXT] [--node path/to/node]
//
// Each folder is a checkout of github.com/expressjs/express, body-parser, multer, fastify, busboy or another one that has its tests in test/, after `npm install` there. Each file of tests runs as
// it is, then with ralloc/auto; with --match those whose name has the text. Told are those that pass as they are and then fail. Exit code 1 where there are some.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('./lib/program.js');

const PRELOAD = path.join(__dirname, '..', 'lib', 'auto', 'preload.js');
const TESTED = /\.(?:[cm]?js|spec\.ts)$/;
const MOST_MS = 300_000;

/** What runs one file: mocha with the package's own options, or vitest, where it has that, or Node. */
function runnerOf(folder) {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const vitest = path.join(folder, 'node_modules', 'vitest', 'vitest.mjs');
  if (fs.existsSync(vitest)) return [vitest, 'run'];
  const mocha = path.join(folder, 'node_modules', 'mocha', 'bin', '_mocha'); // in this process, also that of old versions
  if (!fs.existsSync(mocha)) return [];
  const required = /--require \S+/.exec(scripts.test)?.[0].split(' ') ?? [];
  return [mocha, ...required, '--exit', '--check-leaks'];
}

/** With `auto` the processes that a test starts have ralloc/auto, too: vitest runs its tests in such. */
function passes(node, folder, file, auto) {
  const args = [...runnerOf(folder), file];
  const env = auto ? { ...process.env, NODE_OPTIONS: `--require ${PRELOAD}` } : process.env;
  const { status } = spawnSync(node, args, { cwd: folder, env, stdio: 'ignore', timeout: MOST_MS });
  return status === 0;
}

/** Files of tests, from `folder`. Others, as fixtures, fail as they are, or pass. */
const filesOf = (folder) =>
  fs
    .readdirSync(path.join(folder, 'test'), { recursive: true })
    .map((name) => path.join('test', name))
    .filter((name) => TESTED.test(name) && !/(?:support|fixtures|node_modules)[\\/]/.test(name))
    .sort();

/** How many files fail by ralloc. */
function testIn(folder, { node, match }) {
  const files = filesOf(folder).filter((name) => name.includes(match));
  const able = files.filter((file) => passes(node, folder, file, false));
  const failed = able.filter((file) => !passes(node, folder, file, true));
  for (const file of failed) console.log(`FAIL ${path.join(folder, file)}`);
  console.log(
    `${folder}: ${able.length} files, ${failed.length} fail with ralloc alone; ${files.length - able.length} fail without it too`,
  );
  return failed.length;
}

program(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      node: { type: 'string', default: process.execPath },
      match: { type: 'string', default: '' },
    },
  });
  if (positionals.length === 0)
    throw new Error('usage: node scripts/suites.js FOLDER … [--match TEXT] [--node path/to/node]');
  const failed = positionals.map((folder) => testIn(path.resolve(folder), values));
  if (failed.some((count) => count > 0)) process.exitCode = 1;
});
