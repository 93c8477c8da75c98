'use strict';
// tier: soak, long

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { serial: test } = require('ava');
const { contenders } = require('../../demo/contenders.js');
const { CACHE, packageName } = require('../../demo/download.js');
const { posixTest } = require('../helpers/backend.js');
const { isSoak } = require('../helpers/budget.js');
const { fixturePath, isAlive } = require('../helpers/child.js');
const { BRIEF, PROGRAM, nodeRegistry, runDemo } = require('../helpers/demo.js');
const { folder } = require('../helpers/folder.js');
const { until } = require('../helpers/until.js');

const { NODE_OPTIONS = '' } = process.env; // what an emulator preloads stays
const preload = (name) => ({
  NODE_OPTIONS: `${NODE_OPTIONS} --require ${fixturePath(`demo/${name}`)}`,
});

test('--json --server: one object, with the framework, ratios, shares and no wrong byte', async (t) => {
  const dir = folder(t);
  const mix = isSoak ? 'proxy' : 'serve'; // with an upstream, which takes minutes
  const args = [...BRIEF, '--mix', mix, '--server', 'fastify', '--json'];
  const { code, stdout, stderr } = await runDemo(args, { env: { TMPDIR: dir } });
  t.is(code, 0, stderr);
  const { headline, node, machine, runs, proof, files } = JSON.parse(stdout);
  t.is(headline, process.version);
  t.is(node, process.version);
  t.like(machine, { platform: process.platform, arch: process.arch });
  t.true(machine.cpu.length > 0 && machine.cores > 0);
  t.regex(files.sha256, /^[0-9a-f]{64}$/);
  t.deepEqual(
    runs.map(({ server, allocator }) => `${server} ${allocator}`),
    contenders(process.execPath).able.map(({ name }) => `fastify ${name}`),
  );
  for (const run of runs) {
    t.is(run.errors, 0);
    t.true(run.requests > 0 && run.verified > 0);
    for (const field of ['rps', 'cpuUs', 'fullCpuUs', 'p999', 'rss']) {
      const { value, low, high } = run.ratio[field];
      t.true(low <= value && value <= high, `${field} of ${run.allocator}`);
    }
    t.deepEqual(Object.keys(run.removed), ['cpu', 'rss']);
  }
  t.like(runs[0].ratio.rps, { value: 1, low: 1, high: 1 });
  t.deepEqual(proof.ralloc, { length: 0, shows: '' });
  t.is(proof.pool.shows, 'bert: my PIN is 2222');
  t.deepEqual(fs.readdirSync(dir), [], 'no file is left');
});

test('a server that dies in the midst: its last lines are shown, and exit code 1', async (t) => {
  const { code, stdout, stderr } = await runDemo([...BRIEF, '--mix', 'frame'], {
    env: preload('dies.js'),
  });
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /server\.js express ralloc ended with exit code 1; its last lines:/);
  t.regex(stderr, /\| about to end/);
  t.regex(stderr, /\| Error: an end in the midst/);
});

const interruptTest = (title, body) => posixTest(title, body, test);

/** Starts the demo, sends what Ctrl-C sends as soon as `isThen(pids, stderr)`, and waits for the end of all of it. */
async function interrupt(t, args, isThen, env = {}) {
  const dir = folder(t);
  const list = path.join(folder(t), 'pids');
  fs.writeFileSync(list, '');
  const pids = () => fs.readFileSync(list, 'utf8').trim().split('\n').filter(Boolean).map(Number);
  // A terminal sends the signal to all processes of the group: so does this.
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      ...process.env,
      ...preload('tells-pid.js'),
      DEMO_PIDS: list,
      TMPDIR: dir,
      NODE_DISABLE_COMPILE_CACHE: '1', // npm's would be in TMPDIR
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close');
  await until(() => isThen(pids(), stderr), 150);
  process.kill(-child.pid, 'SIGINT');
  t.deepEqual(await ended, [130, null], stderr);
  await until(() => !pids().some(isAlive));
  t.deepEqual(fs.readdirSync(dir), []);
  t.notRegex(stderr, /Error|ended with/);
  return pids();
}

// So long that it is not over when the signal comes, however late that is.
const LONG = ['--node', 'self', '--blocks', '4', '--seconds', '0.05'];

interruptTest('Ctrl-C in the midst of the load: exit code 130, and nothing is left', async (t) => {
  const isThen = (_, stderr) => / \d\d %, /.test(stderr);
  const pids = await interrupt(t, [...LONG, '--mix', 'frame'], isThen);
  t.true(pids.length >= 3);
});

interruptTest('Ctrl-C while a Node.js is fetched: npm ends too, no file is left', async (t) => {
  const registry = await nodeRegistry(t, packageName(), '98.0.0');
  registry.sent = null;
  const announced = /^Downloading \S+ 98 from npm, some 150 MB\. --node self needs none\.$/m;
  const asked = (_, stderr) => announced.test(stderr) && registry.fetched.length > 0;
  const env = { npm_config_registry: registry.url };
  const pids = await interrupt(t, ['--node', '98'], asked, env);
  t.true(pids.length >= 2);
  t.deepEqual(
    fs.readdirSync(CACHE).filter((one) => one.startsWith('download-')),
    [],
  );
});
