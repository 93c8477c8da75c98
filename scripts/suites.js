'use strict';

// The tests of packages whose functions ralloc/auto changes, and Node's own of zlib and of reading files, with ralloc/auto in front of them:
//
//   node scripts/suites.js FOLDER … [--match TEXT] [--node path/to/node] [--agent FILE]
//
// Each folder is a checkout, after `npm install` there: of github.com/expressjs/express, body-parser, multer, fastify, busboy, undici or
// another one that has its tests in test/; or of github.com/nodejs/node, of which test/parallel and test/common are enough. Each file of tests
// runs as it is, then with ralloc/auto; with --match those whose name has the text. With --agent, FILE starts an APM agent: it is preloaded
// always, once before and once after ralloc/auto. Node's run a third time where the memory of streams that have ended waits for them. Told
// are files of which more tests fail with ralloc/auto than without. Exit code 1 where there are some.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { program } = require('./lib/program.js');

const preload = (file) => ['--require', path.resolve(file)];
const AUTO = preload(path.join(__dirname, '..', 'lib', 'auto', 'preload.js'));
const USED = ['--import', path.join(__dirname, 'lib', 'used-compressors.mjs')];
const MOST_MS = 300_000;

const OF_PACKAGES = /\.(?:[cm]?js|spec\.ts)$/;
const OF_NODE = /^test-(?:zlib|fs-read-?stream|stream-pipeline|http-.*gzip).*\.js$/;

/** How many tests fail, in the words of mocha, vitest and node:test. */
const FAILING = /^\s*(\d+) failing|Tests .*?(\d+) failed|[#ℹ] fail (\d+)/m;

/** The flags that a test of Node's asks for in a comment at its head. */
const flagsOf = (file) =>
  [...fs.readFileSync(file, 'utf8').matchAll(/^\/\/ Flags: (.*)$/gm)].flatMap(([, flags]) =>
    flags.split(/\s+/).filter(Boolean),
  );

/** Node's own tests. One that changes what zlib is made of before it loads is not about its streams. */
function suiteOfNode(cwd) {
  return {
    cwd,
    files: fs.readdirSync(cwd).filter((name) => OF_NODE.test(name)),
    alone: ['--require', 'node:zlib'],
    ways: [AUTO, [...AUTO, ...USED]],
    run: (file, options) => ({
      args: [...flagsOf(path.join(cwd, file)), ...options, file],
      env: {},
    }),
  };
}

/** What runs a file: mocha with the package's own options, or vitest, where it has that, or Node, with the option that undici's tests need. */
function runnerOf(cwd) {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(cwd, 'package.json'), 'utf8'));
  const vitest = path.join(cwd, 'node_modules', 'vitest', 'vitest.mjs');
  if (fs.existsSync(vitest)) return [vitest, 'run'];
  const mocha = path.join(cwd, 'node_modules', 'mocha', 'bin', '_mocha'); // in this process, also that of old versions
  if (!fs.existsSync(mocha)) return ['--expose-gc'];
  const required = /--require \S+/.exec(scripts.test)?.[0].split(' ') ?? [];
  return [mocha, ...required, '--exit', '--check-leaks'];
}

/** A package's tests. Processes that a test starts have the preloads, too: vitest runs its tests in such. Fixtures fail as they are, or pass. */
function suiteOfPackage(cwd, agent) {
  const before = agent === undefined ? [] : preload(agent);
  const runner = runnerOf(cwd);
  return {
    cwd,
    files: fs
      .readdirSync(path.join(cwd, 'test'), { recursive: true })
      .map((name) => path.join('test', name))
      .filter((name) => OF_PACKAGES.test(name))
      .filter((name) => !/(?:support|fixtures|node_modules)[\\/]/.test(name)),
    alone: before,
    ways:
      agent === undefined
        ? [AUTO]
        : [
            [...AUTO, ...before],
            [...before, ...AUTO],
          ],
    run(file, options) {
      const NODE_OPTIONS = [process.env.NODE_OPTIONS, ...options].filter(Boolean).join(' ');
      return { args: [...runner, file], env: { NODE_OPTIONS } };
    },
  };
}

/** How many tests of a file fail; Infinity if it does not say. */
function failuresOf(node, { cwd, run }, file, options) {
  const { args, env } = run(file, options);
  const { status, stdout } = spawnSync(node, args, {
    ...{ cwd, encoding: 'utf8', timeout: MOST_MS, maxBuffer: Infinity },
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status === 0) return 0;
  const [, ...counts] = FAILING.exec(stdout) ?? [];
  return Math.max(1, Number(counts.find(Boolean) ?? Infinity));
}

/** How many files fail by ralloc. */
function testIn(folder, { node, match, agent }) {
  const parallel = path.join(folder, 'test', 'parallel');
  const suite = fs.existsSync(parallel) ? suiteOfNode(parallel) : suiteOfPackage(folder, agent);
  const files = suite.files.filter((name) => name.includes(match)).sort();
  let able = 0;
  let failed = 0;
  for (const file of files) {
    const alone = failuresOf(node, suite, file, suite.alone);
    if (alone === Infinity) continue;
    able += 1;
    const counts = suite.ways.map((options) => failuresOf(node, suite, file, options));
    if (Math.max(...counts) <= alone) continue;
    failed += 1;
    const told = counts.map((count) => (count === Infinity ? 'all' : count)).join(', ');
    console.log(`FAIL ${path.join(suite.cwd, file)}: ${told} tests, ${alone} without`);
  }
  const others = files.length - able;
  console.log(`${folder}: ${able} files, ${failed} fail by ralloc; ${others} fail without it too`);
  return failed;
}

program(() => {
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
  process.exitCode = failed.some((count) => count > 0) ? 1 : 0;
});
