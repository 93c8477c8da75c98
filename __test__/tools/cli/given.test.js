'use strict';
// tier: tools

// What an application gets that is started by `ralloc run`, which becomes the application, and by `ralloc profile`, which waits for it: all that its launcher was given, and a shell's exit codes.

const test = require('ava');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { isNative, posixTest } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { bin, ralloc } = require('../../helpers/profile.js');

const NODE = process.execPath;

/** Whether `ralloc run` is a process no more. */
const isReplaced = isNative && ['linux', 'darwin'].includes(process.platform);

/** The arguments of Node that start an application by each verb. */
const WAYS = {
  run: () => [bin, 'run', '--'],
  profile: (dir) => [bin, 'profile', '-o', path.join(dir, 'of-test.jsonl'), '--'],
};

for (const [verb, argsOf] of Object.entries(WAYS)) {
  test(`ralloc ${verb}: messages pass both ways, as the parent serializes them`, async (t) => {
    for (const [serialization, message] of [
      ['json', { a: [1, 'ä'] }],
      ['advanced', new Map([[1n, new Date(0)]])],
    ]) {
      const child = spawn(NODE, [...argsOf(folder(t)), NODE, fixturePath('tools/cli/answers.js')], {
        stdio: ['ignore', 'inherit', 'pipe', 'ignore', 'ipc'],
        serialization,
      });
      const told = [];
      child.on('message', (one) => told.push(one) === 2 && child.disconnect());
      child.send(message); // before there is an application
      const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
      t.is(code, 0, stderr);
      t.deepEqual(told, ['ready', message]);
    }
  });

  posixTest(
    `ralloc ${verb}: descriptors from 3 on, with gaps, and beside those of Node`,
    async (t) => {
      const dir = folder(t);
      const name = path.join(dir, 'file');
      const file = fs.openSync(name, 'w');
      const stdio = Array(200).fill('ignore');
      Object.assign(stdio, { 2: 'pipe', 3: file, 8: 'pipe', 11: file, 16: file, 199: 'pipe' });
      const write = `for (const fd of [3, 8, 11, 16, 199]) fs.writeSync(fd, fd + ' ')`;
      const child = spawn(NODE, [...argsOf(dir), NODE, '-e', write], { stdio });
      fs.closeSync(file);
      const texts = [8, 199, 2].map((fd) => text(child.stdio[fd]));
      const [code] = await once(child, 'exit');
      const [a, b, stderr] = await Promise.all(texts);
      t.is(code, 0, stderr);
      t.deepEqual([a, b, fs.readFileSync(name, 'utf8')], ['8 ', '199 ', '3 11 16 ']);
    },
  );

  posixTest(
    `ralloc ${verb}: a socket of systemd, which names the process that it is for`,
    async (t) => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const activated = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"';
      const command = [NODE, ...argsOf(folder(t)), NODE, fixturePath('tools/cli/serves.js')];
      const child = spawn('sh', ['-c', activated, 'sh', ...command], {
        stdio: ['ignore', 'pipe', 'ignore', server._handle],
      });
      const [line] = await once(child.stdout, 'data');
      const { port } = server.address();
      server.close(); // the application's own stays open
      t.is(Number(line), port);
      const answer = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      t.is(answer === `${child.pid}`, verb === 'run' && isReplaced);
      child.kill();
      await once(child, 'close');
    },
  );

  posixTest(`ralloc ${verb}: a program that cannot be started`, async (t) => {
    const dir = folder(t);
    const script = (name, content, mode = 0o755) =>
      fs.writeFileSync(path.join(dir, name), content, { mode });
    script('app.js', '', 0o644);
    script('tool', 'exit 0\n');
    script('broken', '#!/nowhere/at-all\n');
    const advice = ` Write it as in the shell: ralloc ${verb} --`;
    for (const [program, code, why] of [
      ['nowhere-at-all', 127, 'there is no such program in PATH'],
      ['', 127, 'there is no such program in PATH'],
      ['./none', 127, 'there is no such file'],
      ['app.js', 127, `it is a file, and no program in PATH.${advice} node app.js`],
      ['tool', 127, `it is a file, and no program in PATH.${advice} ./tool`],
      ['./broken', 127, 'the program that its first line names is not there'],
      ['./app.js', 126, `it may not be executed.${advice} node ./app.js`],
      ['./', 126, 'it is a folder'],
    ]) {
      const args = argsOf(dir).slice(1);
      const { code: found, stdout, stderr } = await ralloc([...args, program], { cwd: dir });
      t.is(found, code, program);
      t.is(stdout, '');
      t.is(stderr, `ralloc: Cannot start "${program}": ${why}\n`);
    }
    t.deepEqual(fs.readdirSync(dir).sort(), ['app.js', 'broken', 'tool'], 'nothing is written');
  });
}
