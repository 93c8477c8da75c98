'use strict';

// Node's own tests of zlib and of fs.createReadStream(), with ralloc/auto in front of them:
//
//   node scripts/zlib-tests.js NODE_REPOSITORY [path/to/node …]
//
// The folder is a checkout of github.com/nodejs/node, or what has its test/parallel and test/common. Each test runs as it is, then with
// ralloc/auto, and a third time where the memory of streams that have ended waits for it. Told are those that pass as they are and then fail. Exit code 1 where there are some.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program } = require('./lib/program.js');

const ROOT = path.join(__dirname, '..');
/** A test that changes what zlib is made of before it loads is not about its streams. */
const LOADED = ['--require', 'node:zlib'];
const AUTO = ['--require', path.join(ROOT, 'lib', 'auto', 'preload.js')];
const USED = ['--import', path.join(__dirname, 'lib', 'used-compressors.mjs')];
const WAYS = { 'ralloc/auto': AUTO, 'ralloc/auto, memory used before': [...AUTO, ...USED] };
const TESTED = /^test-(?:zlib|fs-read-?stream|stream-pipeline|http-.*gzip).*\.js$/;
const MOST_MS = 120_000;

/** The flags that a test asks for in a comment at its head. */
const flagsOf = (file) =>
  [...fs.readFileSync(file, 'utf8').matchAll(/^\/\/ Flags: (.*)$/gm)].flatMap(([, flags]) =>
    flags.split(/\s+/).filter(Boolean),
  );

function passes(node, file, execArgv) {
  const { status } = spawnSync(node, [...flagsOf(file), ...execArgv, file], {
    cwd: path.dirname(file),
    stdio: 'ignore',
    timeout: MOST_MS,
  });
  return status === 0;
}

/** How many tests fail by ralloc. */
function testOn(node, folder) {
  const files = fs.readdirSync(folder).filter((name) => TESTED.test(name));
  if (files.length === 0) throw new Error(`there are no tests in ${folder}`);
  const able = files.filter((name) => passes(node, path.join(folder, name), LOADED));
  let failed = 0;
  for (const [way, execArgv] of Object.entries(WAYS)) {
    for (const name of able) {
      if (passes(node, path.join(folder, name), execArgv)) continue;
      failed += 1;
      console.log(`FAIL ${name} with ${way}`);
    }
  }
  const others = files.length - able.length;
  console.log(
    `${node}: ${able.length} tests, ${failed} failed with ralloc alone; ${others} fail without it too`,
  );
  return failed;
}

program(async () => {
  const [repository, ...nodes] = process.argv.slice(2);
  if (repository === undefined)
    throw new Error('usage: node scripts/zlib-tests.js NODE_REPOSITORY [path/to/node …]');
  const folder = path.join(repository, 'test', 'parallel');
  const failed = (nodes.length > 0 ? nodes : [process.execPath]).map((node) =>
    testOn(node, folder),
  );
  if (failed.some((count) => count > 0)) process.exitCode = 1;
});
