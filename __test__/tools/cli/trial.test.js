'use strict';
// tier: tools

// `ralloc trial`: all processes and threads of an application, which ends as it would alone, and one report of them.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { posixTest } = require('../../helpers/backend.js');
const { copyOfPackage } = require('../../helpers/copy-of-package.js');
const { APP, ROWS, ROWS_TEXT, told, tried } = require('../../helpers/tried.js');

const root = path.join(__dirname, '..', '..', '..');
const NODE = process.execPath;
const ofRequests = (n) =>
  new RegExp(
    `^1 of 1 site was active: ${n} Buffers? \\(.* from arenas of requests, ${n} outside of requests$`,
  );

test('an application runs changed, its sources stay, and one line tells it', async (t) => {
  const app = tried(t);
  const { code, result, stderr } = await app.trial();
  t.is(code, 0, stderr);
  t.deepEqual(result, { inside: true, outside: false });
  t.is(stderr.match(/\n/g).length, 1);
  t.regex(told(stderr)[0], ofRequests(1));
  t.is(fs.readFileSync(app.file('rows.js'), 'utf8'), ROWS_TEXT);
});

test('a table that proves nothing ends it at once; --suggested tries it', async (t) => {
  const app = tried(t, { sites: [{ ...ROWS, samples: 100 }] });
  const refused = await app.trial();
  t.is(refused.code, 1);
  t.is(refused.result, undefined, 'the application has not begun');
  t.regex(told(refused.stderr)[0], /proves nothing: 1 line is only suggested/);
  const { result, stderr } = await app.trial(['--suggested']);
  t.true(result.inside, stderr);
});

test('options say what else is changed', async (t) => {
  const files = { 'rows.js': 'exports.rows = (n) => Buffer.alloc(n);\n' };
  const sites = [
    {
      file: 'rows.js',
      call: 'Buffer.alloc(',
      name: 'rows',
      samples: 4000,
      inRequest: true,
      size: 512,
    },
  ];
  const app = tried(t, { files, sites });
  for (const [args, isActive] of [
    [[], false],
    [['--alloc', '--any-size', '--package', 'a', '--package', 'b'], true],
  ]) {
    const { result, stderr } = await app.trial(args);
    t.is(result.inside, isActive, stderr);
  }
  // What an outer one has is not this one's.
  const env = { RALLOC_AUTO_ALLOC: '1', RALLOC_AUTO_ANY_SIZE: '1' };
  t.false((await app.trial([], undefined, { env })).result.inside);
});

const WORKERS = `const { Worker, isMainThread } = require('node:worker_threads');
if (isMainThread) {
  new Worker('./app.js').once('exit', () => new Worker('./app.js', { env: {} }));
}
`;
const FORKS = `const { fork } = require('node:child_process');
fork('./app.js').once('exit', () => fork('./app.js', { execArgv: [] }));
`;
const CLUSTER = `const cluster = require('node:cluster');
if (cluster.isPrimary) for (let i = 0; i < 3; i++) cluster.fork();
else require('./app.js').done.then(() => process.disconnect());
`;

for (const [what, main, count] of [
  ['worker threads', WORKERS, 2],
  ['children', FORKS, 2],
  ['a cluster', CLUSTER, 3],
]) {
  test(`${what} are counted`, async (t) => {
    const app = tried(t, { files: { 'main.js': main } });
    const { code, stderr, stdout } = await app.trial([], [NODE, 'main.js']);
    t.is(code, 0, stderr);
    t.is(stdout, '{"inside":true,"outside":false}\n'.repeat(count));
    t.is(told(stderr).length, 1, stderr);
    t.regex(told(stderr)[0], ofRequests(count));
  });
}

test('workers of one process without the command, terminated ones too', async (t) => {
  const files = {
    'main.js': `const { Worker, isMainThread } = require('node:worker_threads');
const worker = new Worker('./app.js', { stdout: true });
worker.stdout.once('data', () => worker.terminate());
`,
    'app.js': `${APP}require('node:net').createServer().listen(0);\n`,
  };
  const { stderr } = await tried(t, { files }).auto('main.js');
  t.regex(told(stderr)[0], ofRequests(1));
});

test('the exit code is that of the application', async (t) => {
  const files = {
    'seven.js': `${APP}process.on('exit', () => { process.exitCode = 7; });\n`,
    'throws.js': `require('./rows.js').rows(5);\nthrow new Error('of the application');\n`,
  };
  const app = tried(t, { files });
  const seven = await app.trial([], [NODE, 'seven.js']);
  t.is(seven.code, 7);
  t.regex(told(seven.stderr)[0], ofRequests(1));
  const throws = await app.trial([], [NODE, 'throws.js']);
  t.is(throws.code, 1);
  t.regex(throws.stderr, /of the application[\s\S]*ralloc: trial: 0 of 1 site was active/);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
  posixTest(`an application that ends by ${signal} is told`, async (t) => {
    const main = `${APP}
exports.done.then(() => {
  require('node:net').createServer().listen(0);
  setImmediate(() => setImmediate(() => process.kill(process.pid, '${signal}')));
});
`;
    const { signal: ended, stderr } = await tried(t, { files: { 'app.js': main } }).trial();
    t.is(ended, signal);
    t.regex(told(stderr)[0], ofRequests(1));
  });
}

posixTest('a process that is killed tells nothing', async (t) => {
  const files = { 'app.js': "process.kill(process.pid, 'SIGKILL');\n" };
  const { signal, stderr } = await tried(t, { files }).trial();
  t.is(signal, 'SIGKILL');
  t.deepEqual(told(stderr), ['1 process ended without a word, as by SIGKILL']);
});

test('a command that starts no Node', async (t) => {
  const app = tried(t);
  const wrong = await app.trial([], [NODE, '--no-such-option']);
  t.is(wrong.code, 9); // Node's own
  t.regex(wrong.stderr, /No process told of one: the command started no Node process, /);
  const gone = await app.trial([], ['./none']);
  t.is(gone.code, 127);
  t.is(gone.stderr, 'ralloc: Cannot start "./none": there is no such file\n');
});

const { allowedNodeEnvironmentFlags: flags } = process;
const PERMISSION = flags.has('--permission') ? '--permission' : '--experimental-permission';
const NET = flags.has('--allow-net') ? ['--allow-net'] : [];

test('a run in which no line was active has the exit code 1', async (t) => {
  const { code, stderr } = await tried(t).trial([], [NODE, '-e', '1']);
  t.is(told(stderr)[0], '0 of 1 site was active');
  t.is(code, 1);
});

test('with --permission it says what has to be allowed', async (t) => {
  const app = tried(t);
  const restricted = (...reads) => {
    const allowed = reads.map((folder) => `--allow-fs-read=${folder}`);
    const command = [NODE, PERMISSION, ...NET, ...allowed, 'app.js'];
    return app.trial([], command, { env: { NODE_V8_COVERAGE: '' } }); // which it may not write
  };
  const none = await restricted(app.dir);
  t.is(none.code, 1);
  t.regex(
    none.stderr,
    /No process told of one: --permission keeps ralloc from it\. Add --allow-fs-read=/,
  );
  // What cannot be told to the command is told by the process itself.
  const alone = await restricted(app.dir, root);
  t.is(alone.code, 1);
  t.deepEqual(alone.result, { inside: true, outside: false }, alone.stderr);
  t.regex(told(alone.stderr)[0], ofRequests(1));
  const [, advice] = /Add (.*)$/m.exec(alone.stderr);
  const command = [NODE, PERMISSION, ...NET, ...advice.split(' '), 'app.js'];
  const whole = await app.trial([], command, { env: { NODE_V8_COVERAGE: '' } });
  t.is(whole.code, 0, whole.stderr);
  t.is(told(whole.stderr).length, 1, whole.stderr);
  t.regex(told(whole.stderr)[0], ofRequests(1));
});

test('an application has another copy of ralloc than the command', async (t) => {
  const main = APP.replace(
    'res.end();',
    "res.end();\n  const dead = rows(65536);\n  res.once('close', () => setImmediate(() => req.arena.copyOut(dead)));",
  );
  const late = `process.once('uncaughtException', ({ code }) => console.error(code));\n${main}`;
  const app = tried(t, {
    files: { 'app.js': late },
    copy: copyOfPackage(t, {}, { isWhole: true }),
  });
  const env = { RALLOC_BACKEND: 'js' }; // the copy has no binary
  const { code, result, stderr } = await app.trial([], undefined, { env });
  t.is(code, 0, stderr);
  t.true(result.inside);
  t.regex(stderr, /^ERR_RALLOC_DEAD_BUFFER$/m);
  t.regex(told(stderr)[0], /^1 of 1 site was active: 2 Buffers /);
  t.regex(told(stderr)[1], /^rows\.js:1:30 rows: 1 use of dead Buffers\. /);
});

test('with the command and ralloc/auto it is tried once', async (t) => {
  const { code, stderr } = await tried(t).trial([], [NODE, '--import', 'ralloc/auto', 'app.js']);
  t.is(code, 0, stderr);
  t.is(told(stderr).length, 1, stderr);
  t.regex(told(stderr)[0], ofRequests(1));
});

// With --load, a server runs in fresh processes, as it is and changed in turn.

/** A server that says where it is, and of what its answers are, by files. */
const SERVER = `'use strict';

const fs = require('node:fs');
const http = require('node:http');
const { requestArena } = require('ralloc');
const { rows } = require('./rows.js');

const arenas = requestArena();
const server = http.createServer((req, res) =>
  arenas(req, res, () => {
    const buffer = rows(65536);
    fs.appendFileSync('answers', req.arena.owns(buffer) ? 'A' : '-');
    res.end(buffer);
  }),
);
server.listen(0, '127.0.0.1', () => fs.writeFileSync('port', String(server.address().port)));
`;

const LOAD = `'use strict';

const url = 'http://127.0.0.1:' + require('node:fs').readFileSync('port', 'utf8');
const ask = async () => (await fetch(url)).arrayBuffer();
(async () => {
  for (let n = 0; n < 5; n++) await ask();
})();
`;

const SERVED = {
  'server.js': SERVER,
  'load.js': LOAD,
  'fails.js': "throw new Error('no load');\n",
};
const loaded = (app, args) => app.trial(args, [NODE, 'server.js']);

posixTest('a block is the server changed and as it is, then the other way round', async (t) => {
  const app = tried(t, { files: SERVED });
  const asked = ['--load', `"${NODE}" load.js`, '--blocks', '2', '--json', 'trial.json'];
  const { code, stderr } = await loaded(app, asked);
  t.is(code, 0, stderr);
  const { lines: active, blocks } = JSON.parse(fs.readFileSync(app.file('trial.json'), 'utf8'));
  t.is(active[0].inside, 10);
  t.true(
    blocks.length === 2 && blocks.every(({ plain, changed }) => plain.cpu > 0 && changed.cpu > 0),
  );
  t.is(fs.readFileSync(app.file('answers'), 'utf8'), 'AAAAA----------AAAAA');
  const lines = told(stderr);
  t.deepEqual(lines.slice(0, 2), ['block 1 of 2', 'block 2 of 2']);
  t.regex(lines[2], /^CPU\b.*: .+ (?:µs|s) → .+ (?:µs|s)$/);
  t.regex(lines[3], /^peak RSS: .*MiB → [\d.]+ MiB$/);
  t.regex(lines[4], /^major collections\b.*: /);
  t.regex(lines[5], /^1 of 1 site was active: 10 Buffers .* from arenas of requests, 0 outside/);
});

posixTest('a load that reaches no line of the table ends it after one run', async (t) => {
  const files = { ...SERVED, 'server.js': SERVER.replace('rows(65536)', 'Buffer.alloc(9)') };
  const app = tried(t, { files });
  const { code, stderr } = await loaded(app, ['--load', `"${NODE}" load.js`]);
  t.is(code, 1);
  t.is(fs.readFileSync(app.file('answers'), 'utf8'), '-----');
  t.regex(told(stderr)[1], /^The load reaches no line of the table/);
});

test('a load that fails ends the trial with its words, and the server with it', async (t) => {
  const app = tried(t, { files: SERVED });
  const { code, stderr } = await loaded(app, ['--load', `"${NODE}" fails.js`]);
  t.is(code, 1);
  t.regex(stderr, /^ralloc: The load ended with exit code 1: .*fails\.js\n[\s\S]*Error: no load/m);
  const port = fs.readFileSync(app.file('port'), 'utf8');
  await t.throwsAsync(fetch(`http://127.0.0.1:${port}`));
});

test('an application that ends before the load is over cannot be measured', async (t) => {
  const app = tried(t, { files: { 'server.js': 'process.exitCode = 7;\n' } });
  const { code, stderr } = await loaded(app, ['--load', `"${NODE}" load.js`]);
  t.is(code, 1);
  t.regex(stderr, /The application ended with exit code 7 before the load was over$/m);
});
