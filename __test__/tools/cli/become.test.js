'use strict';
// tier: tools

// `ralloc run` becomes the application on Linux and macOS: there is no launcher beside it, and what Node has changed for itself is as it was.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../../../lib/base/attempt.js');
const { isNative, posixTest, testWhere } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { bin } = require('../../helpers/profile.js');

const NODE = process.execPath;
const RUN = [bin, 'run', '--'];
const PRELOAD = require.resolve('../../../lib/auto/preload.js');
const SERVES = fixturePath('tools/cli/serves.js');
const isLinux = process.platform === 'linux';

/** A test of a process that was replaced; Linux shows what it has. */
const linuxTest = (title, body) =>
  testWhere(isNative && isLinux, 'Linux, and native memory', title, body);

/** How a program ends that gets `options`, as it is and by `ralloc run`. */
const bothWays = (command, options) =>
  [[], [NODE, ...RUN]].map((before) => {
    const [program, ...args] = [...before, ...command];
    return spawnSync(program, args, { encoding: 'utf8', ...options });
  });

linuxTest(
  'its signals, descriptors and standard streams are those of a process without it',
  (t) => {
    const dir = folder(t);
    const shown = [
      'grep ^Sig[IB] /proc/self/status',
      'for i in 0 1 2; do grep flags /proc/self/fdinfo/$i; done',
      'ls /proc/self/fd',
      'echo $0 $* $X',
    ];
    const file = fs.openSync(path.join(dir, 'file'), 'w');
    const stdio = Array(200).fill(file).with(0, 'pipe').with(1, 'pipe').with(2, 'pipe');
    const env = { ...process.env, X: 'ä', NODE_OPTIONS: '--stack-trace-limit="7"' };
    const [plain, run] = bothWays(['sh', '-c', shown.join(';'), 'a b', '--', '-c'], { stdio, env });
    fs.closeSync(file);
    t.is(run.stdout, plain.stdout);
    t.regex(run.stdout, /^199$/m);
    t.is(run.stderr, plain.stderr);
  },
);

/** RSS in bytes of each process of a tree. */
function memoryOf(pid) {
  const read = (name) => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8');
  const own = Number(/^VmRSS:\s+(\d+)/m.exec(read('status'))[1]) * 1024;
  const children = read(`task/${pid}/children`).split(' ').filter(Boolean);
  return [own, ...children.flatMap(memoryOf)];
}

linuxTest(
  'it takes the memory of the application alone, in the process that was started',
  async (t) => {
    const memory = async (args) => {
      const child = spawn(NODE, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [port] = await once(child.stdout, 'data');
      t.is(await (await fetch(`http://127.0.0.1:${Number(port)}/`)).text(), `${child.pid}`);
      const [bytes, ...others] = memoryOf(child.pid);
      t.deepEqual(others, [], 'no other process');
      child.kill();
      await once(child, 'exit');
      return bytes;
    };
    const ratios = [];
    for (let i = 0; i < 3; i++) {
      const alone = await memory(['--require', PRELOAD, SERVES]);
      ratios.push((await memory([...RUN, NODE, SERVES])) / alone);
    }
    const [, median] = ratios.sort((a, b) => a - b);
    t.true(median > 0.9 && median < 1.1, `${ratios}`);
  },
);

linuxTest('a worker of a cluster', async (t) => {
  const dir = folder(t);
  const main = `const cluster = require('node:cluster');
cluster.setupPrimary({ exec: ${JSON.stringify(bin)}, args: ['run', '--', ${JSON.stringify(NODE)}, ${JSON.stringify(SERVES)}] });
const worker = cluster.fork();
cluster.on('listening', async (_, { port }) => {
  console.log(await (await fetch('http://127.0.0.1:' + port)).text() === String(worker.process.pid));
  worker.disconnect();
});
cluster.on('exit', (_, code) => console.log(code));`;
  fs.writeFileSync(path.join(dir, 'main.js'), main);
  const { stdout, stderr } = spawnSync(NODE, ['main.js'], { cwd: dir, encoding: 'utf8' });
  t.is(stdout.replace(/^\d{2,}\n/, ''), 'true\n0\n', stderr);
});

const canIsolate =
  isLinux && spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

testWhere(
  canIsolate && isNative,
  'a namespace of processes',
  'as process 1 of a container',
  (t) => {
    const tell = 'console.log(process.pid, process.ppid)';
    const isolated = ['--pid', '--fork', '--mount-proc', NODE, ...RUN, NODE, '-e', tell];
    const { status, stdout } = spawnSync('unshare', isolated, { encoding: 'utf8' });
    t.is(status, 0);
    t.is(stdout, '1 0\n');
  },
);

posixTest('a script that names no program is one of the shell, from a folder with spaces', (t) => {
  const dir = path.join(folder(t), 'a "b" c');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'my tool'), 'echo $#: $1; exit 3\n', { mode: 0o755 });
  const env = { ...process.env, PATH: `/nowhere:${dir}:${process.env.PATH}` };
  for (const program of ['./my tool', 'my tool', path.join(dir, 'my tool')]) {
    const args = [...RUN, program, 'x  y', 'z'];
    const { status, stdout } = spawnSync(NODE, args, { cwd: dir, env, encoding: 'utf8' });
    t.is(status, 3);
    t.is(stdout, '2: x y\n');
  }
});

posixTest('a reader that closes the pipe early ends the application by SIGPIPE', (t) => {
  const piped = '{ "$@"; echo $? >&2; } | head -1';
  const { stdout, stderr } = spawnSync('sh', ['-c', piped, 'sh', NODE, ...RUN, 'yes'], {
    encoding: 'utf8',
  });
  t.is(stdout, 'y\n');
  t.is(stderr.trim(), '141');
});

linuxTest('an environment that is too large with one more preload', (t) => {
  const env = { ...process.env, NODE_OPTIONS: ' '.repeat(131_050) };
  const { status, stderr } = spawnSync(NODE, [...RUN, 'true'], { env, encoding: 'utf8' });
  t.is(status, 126);
  t.is(
    stderr,
    'ralloc: Cannot start "true": its arguments and the environment are more than the system takes\n',
  );
});

posixTest('runs within runs, and options that Node has already', (t) => {
  const env = { ...process.env, NODE_OPTIONS: '--title="a b" --stack-trace-limit=7' };
  const tell = 'console.log(Error.stackTraceLimit, process.title)';
  const { status, stdout, stderr } = spawnSync(NODE, [...RUN, NODE, ...RUN, NODE, '-e', tell], {
    env,
    encoding: 'utf8',
  });
  t.is(status, 0, stderr);
  t.is(stdout, '7 a b\n');
  t.is(stderr, '');
});

linuxTest(
  'npm start, pnpm start: SIGTERM reaches the server behind the shell, which may close it',
  async (t) => {
    const dir = folder(t);
    const serve = `"${NODE}" "${SERVES}"`;
    const scripts = { start: serve, more: `true && (${serve})` };
    fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ scripts }));
    // pnpm ends its shell by kill() without a signal.
    const pnpm = `const shell = require('node:child_process').spawn('sh', ['-c', \`${serve}\`], { stdio: 'inherit' });
process.once('SIGTERM', () => shell.kill());
shell.on('exit', (code) => process.exit(code ?? 143));`;
    fs.writeFileSync(path.join(dir, 'pnpm.cjs'), pnpm);
    const npm = ['npm', 'run', '--silent'];
    for (const [command, env, ends] of [
      [[...npm, 'start'], {}, [143, null]],
      [[...npm, 'start'], { GRACEFUL: '1' }, [5, null]],
      [[...npm, 'more'], { GRACEFUL: '1' }, [5, null]],
      [[NODE, 'pnpm.cjs'], { GRACEFUL: '1' }, [5, null]],
    ]) {
      const child = spawn(NODE, [...RUN, ...command], {
        cwd: dir,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [port] = await once(child.stdout, 'data');
      const url = `http://127.0.0.1:${Number(port)}/`;
      const pid = Number(await (await fetch(url)).text());
      t.teardown(() => attempt(() => process.kill(pid, 'SIGKILL')));
      child.kill();
      t.deepEqual(await once(child, 'exit'), ends, command.join(' '));
      await t.throwsAsync(fetch(url), undefined, 'the port is free');
    }
  },
);
