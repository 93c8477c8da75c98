'use strict';
// tier: tools

// `ralloc run`: an application that nobody changed has ralloc/auto in all its processes and threads, and ends as it would alone.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { posixTest } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { copyOfPackage } = require('../../helpers/copy-of-package.js');
const { folder } = require('../../helpers/folder.js');
const { needsNpm } = require('../../helpers/needs.js');
const { ralloc } = require('../../helpers/profile.js');
const { tried } = require('../../helpers/tried.js');

const root = path.join(__dirname, '..', '..', '..');
const NODE = process.execPath;
const STREAMS = fixturePath('auto/streams.mjs'); // an ES module
const BOTH = { reused: 2, larger: true };

/** A folder of an application with `files`, and a file to read. */
function application(t, files = {}) {
  const dir = folder(t);
  fs.writeFileSync(path.join(dir, 'file'), Buffer.alloc(300_000));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
  const run = (args, command, env) =>
    ralloc(['run', ...args, '--', ...command], {
      cwd: dir,
      env: { RALLOC_AUTO: '', RALLOC_TABLE: '', ...env },
    });
  return { dir, run };
}

test('an application that is an ES module', async (t) => {
  const { run } = application(t);
  const { code, result, stderr } = await run([], [NODE, STREAMS, 'file']);
  t.is(code, 0, stderr);
  t.deepEqual(result, BOTH);
  t.is(stderr, '');
});

needsNpm('what npm starts has it, and npm has not', async (t) => {
  const scripts = { start: `node "${STREAMS}" file` };
  const { run } = application(t, { 'package.json': JSON.stringify({ scripts }) });
  const { code, result, stderr } = await run([], ['npm', 'start'], { RALLOC_AUTO: 'report' });
  t.is(code, 0, stderr);
  t.deepEqual(result, BOTH);
  t.is(stderr.match(/^ralloc: auto: files: /gm)?.length, 1, stderr);
});

test('a worker with an environment of its own', async (t) => {
  const { run } = application(t);
  const { result, stderr } = await run([], [NODE, STREAMS, 'file', 'worker']);
  t.deepEqual(result, BOTH, stderr);
});

const CLUSTER = `const cluster = require('node:cluster');
if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork();
else import('${pathToFileURL(STREAMS)}').then(() => cluster.worker.disconnect());
`;

test('a cluster', async (t) => {
  const { run } = application(t, { 'main.js': CLUSTER });
  const { code, stdout, stderr } = await run([], [NODE, 'main.js', 'file']);
  t.is(code, 0, stderr);
  t.is(stdout, `${JSON.stringify(BOTH)}\n`.repeat(2));
});

test('RALLOC_AUTO turns parts off', async (t) => {
  const { run } = application(t);
  const command = [NODE, STREAMS, 'file'];
  const { result: own } = await run([], command, { RALLOC_AUTO: 'no-compressors' });
  t.deepEqual(own, { reused: 0, larger: true });
});

test('another copy of ralloc/auto in the application leaves what the first has done', async (t) => {
  const copy = copyOfPackage(t, {}, { isWhole: true });
  const other = path.join(copy, 'lib', 'auto', 'preload.js');
  const { run } = application(t);
  const { code, result, stderr } = await run([], [NODE, '--require', other, STREAMS, 'file']);
  t.is(code, 0, stderr);
  t.deepEqual(result, BOTH);
  t.is(stderr, '');
});

test('with --permission the application runs if it may read ralloc', async (t) => {
  const { allowedNodeEnvironmentFlags: flags } = process;
  const permission = flags.has('--permission') ? '--permission' : '--experimental-permission';
  const { dir, run } = application(t, { 'app.js': "console.log('[1]');\n" });
  const real = fs.realpathSync(dir);
  const reads = [real, root].map((one) => `--allow-fs-read=${one}`);
  const command = [NODE, permission, ...reads, path.join(real, 'app.js')];
  const env = { NODE_V8_COVERAGE: '' }; // which it may not write
  const { result, stderr } = await run([], command, env);
  t.deepEqual(result, [1], stderr);
  t.notRegex(stderr, /ralloc/);
});

test('a folder that nobody may write to', async (t) => {
  const { dir, run } = application(t);
  fs.chmodSync(dir, 0o555);
  t.teardown(() => fs.chmodSync(dir, 0o755));
  const { code, result, stderr } = await run([], [NODE, STREAMS, 'file']);
  t.is(code, 0, stderr);
  t.deepEqual(result, BOTH);
  t.is(stderr, '');
});

test('a table that nobody has named is told of, in one line', async (t) => {
  const { dir } = tried(t);
  const run = (env) => ralloc(['run', '--', NODE, 'app.js'], { cwd: dir, env });
  const { result, stderr } = await run({});
  t.true(result.inside);
  const [told] = stderr.match(/.*RALLOC_TABLE_FOUND.*/g);
  t.regex(told, /changes 1 call in 1 file as they load, by \S+ralloc\.table\.json\. To turn/);
  const named = await run({ RALLOC_AUTO_TABLE: 'ralloc.table.json' });
  t.true(named.result.inside);
  t.regex(named.stderr, /^ralloc: trial: /);
});

posixTest('the exit code, or the signal, is that of the application', async (t) => {
  const { run } = application(t);
  t.is((await run([], [NODE, '-e', 'process.exitCode = 7'])).code, 7);
  t.is((await run([], [NODE, '-e', 'process.kill(process.pid)'])).signal, 'SIGTERM');
});
