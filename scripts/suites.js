'use strict';

// The tests of packages whose functions ralloc/auto changes, with ralloc/auto in front of them:
//
//   node scripts/suites.js FOLDER … [--match TEXT] [--node path/to/node] [--agent FILE]
//
// Each folder is a checkout of github.com/expressjs/express, body-parser, multer, fastify, busboy, undici or another one that has its tests in test/, after `npm install` there. Each file of
// tests runs as it is, then with ralloc/auto; with --match those whose name has the text. With --agent, FILE starts an APM agent: it is preloaded always, once before and once after ralloc/auto.
// Told are files of which more tests fail with ralloc/auto than without. Exit code 1 where there are some.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('./lib/program.js');

const PRELOAD = path.join(__dirname, '..', 'lib', 'auto', 'preload.js');
const TESTED = /\.(?:[cm]?js|spec\.ts)$/;
const MOST_MS = 300_000;

/** What runs one file: mocha with the package's own options, or vitest, where it has that, or Node, with the option that undici's tests need. */
function runnerOf(folder) {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const vitest = path.join(folder, 'node_modules', 'vitest', 'vitest.mjs');
  if (fs.existsSync(vitest)) return [vitest, 'run'];
  const mocha = path.join(folder, 'node_modules', 'mocha', 'bin', '_mocha'); // in this process, also that of old versions
  if (!fs.existsSync(mocha)) return ['--expose-gc'];
  const required = /--require \S+/.exec(scripts.test)?.[0].split(' ') ?? [];
  return [mocha, ...required, '--exit', '--check-leaks'];
}

/** How many tests fail, in the words of mocha, vitest and node:test. */
const FAILING = /^\s*(\d+) failing|Tests .*?(\d+) failed|[#ℹ] fail (\d+)/m;

/** How many tests of a file fail; Infinity if it does not say. Processes that a test starts have the preloads, too: vitest runs its tests in such. */
function failuresOf(node, folder, file, preloads) {
  const { NODE_OPTIONS = '', ...rest } = process.env;
  const required = preloads.map((preload) => `--require ${preload}`);
  const env = { ...rest, NODE_OPTIONS: [NODE_OPTIONS, ...required].join(' ') };
  const { status, stdout } = spawnSync(node, [...runnerOf(folder), file], {
    ...{ cwd: folder, env, encoding: 'utf8', timeout: MOST_MS, maxBuffer: Infinity },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status === 0) return 0;
  const [, ...counts] = FAILING.exec(stdout) ?? [];
  return Math.max(1, Number(counts.find(Boolean) ?? Infinity));
}

/** Files of tests, from `folder`. Others, as fixtures, fail as they are, or pass. */
const filesOf = (folder) =>
  fs
    .readdirSync(path.join(folder, 'test'), { recursive: true })
    .map((name) => path.join('test', name))
    .filter((name) => TESTED.test(name) && !/(?:support|fixtures|node_modules)[\\/]/.test(name))
    .sort();

/** How many files fail by ralloc. */
function testIn(folder, { node, match, agent }) {
  const before = agent === undefined ? [] : [path.resolve(agent)];
  const orders = [[PRELOAD, ...before]];
  if (agent !== undefined) orders.push([...before, PRELOAD]);
  const files = filesOf(folder).filter((name) => name.includes(match));
  const told = { able: 0, failed: 0 };
  for (const file of files) {
    const alone = failuresOf(node, folder, file, before);
    if (alone === Infinity) continue;
    told.able += 1;
    const counts = orders.map((preloads) => failuresOf(node, folder, file, preloads));
    if (Math.max(...counts) <= alone) continue;
    told.failed += 1;
    console.log(`FAIL ${path.join(folder, file)}: ${counts.join(' and ')} tests, ${alone} without`);
  }
  console.log(
    `${folder}: ${told.able} files, ${told.failed} fail with ralloc alone; ${files.length - told.able} do not run without it`,
  );
  return told.failed;
}

program(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      node: { type: 'string', default: process.execPath },
      match: { type: 'string', default: '' },
      agent: { type: 'string' },
    },
  });
  if (positionals.length === 0)
    throw new Error(
      'usage: node scripts/suites.js FOLDER … [--match TEXT] [--node path/to/node] [--agent FILE]',
    );
  const failed = positionals.map((folder) => testIn(path.resolve(folder), values));
  if (failed.some((count) => count > 0)) process.exitCode = 1;
});
