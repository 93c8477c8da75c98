'use strict';
// tier: tools

// `ralloc compare`: with a table all processes and threads of an application, which ends as it
// would alone, and one report of them; with a load a server in fresh processes, by turns, and one
// table.

const test = require('ava');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { text } = require('node:stream/consumers');
const { attempt } = require('../../../lib/base/attempt.js');
const { posixTest } = require('../../helpers/backend.js');
const { copyOfPackage } = require('../../helpers/copy-of-package.js');
const { folder } = require('../../helpers/folder.js');
const { bin, ralloc } = require('../../helpers/profile.js');
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

posixTest('what to start a table with has the options that were measured', (t) => {
  const { variantsOf } = require('../../../tools/cli/compare/variants.js');
  const startOf = (table) => {
    const options = { command: ['node', 'app.js'], table: { variables: {}, ...table } };
    return variantsOf(['table'], options).variants[0].start;
  };
  const options = ['--alloc', '--package', '@a/b'];
  const line = 'npx ralloc apply -t t.json --alloc --package @a/b';
  t.is(startOf({ file: 't.json', options }), `${line} | git apply`);
  const suggested = startOf({ file: 't.json', options, isSuggested: true });
  t.is(suggested, `${line}, and by hand what that suggests`);
});

test('the short form of --table has its file by default, too', async (t) => {
  const { code, stderr } = await ralloc(['compare', '-t', '--', NODE, 'app.js'], {
    cwd: folder(t),
  });
  t.is(code, 1);
  t.regex(stderr, /ralloc\.table\.json/);
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

// With --load, a server runs in fresh processes, as it is and in other ways.

/**
 * A server that answers by `handler`, code with `req`, `res` and `isOther`: whether it is no plain
 * one.
 */
const serverOf = (handler) => `'use strict';

const fs = require('node:fs');
const http = require('node:http');
const isOther = process.env.NODE_OPTIONS.includes('--max-semi-space-size=16');
fs.appendFileSync('started', isOther ? 'S' : '-');
http.createServer((req, res) => ${handler}).listen(0, '127.0.0.1', () => {
  fs.appendFileSync('pids', process.pid + ' ');
});
`;

/** Asks for 1.2 s and 100 times, one request after another, and leaves the processor to others. */
const LOAD = `'use strict';

const timers = require('node:timers/promises');
const url = process.argv[2];
(async () => {
  for (let [n, end] = [0, Date.now() + 1200]; n < 100 || Date.now() < end; n++) {
    await (await fetch(url + '/page')).arrayBuffer();
    await timers.setTimeout(5);
  }
})();
`;

const ASKS = `"${NODE}" load.js {url}`;

/** Whether a process is there, and no zombie, which process 1 of a container may leave. */
const isAlive = (pid) =>
  attempt(() => process.kill(pid, 0), false) &&
  !/\) Z/.test(attempt(() => fs.readFileSync(`/proc/${pid}/stat`, 'latin1'), ''));

/**
 * Runs `ralloc compare --load …` in a folder with `files`: `{ code, stdout, stderr, file(name),
 * left() }`.
 */
async function compared(
  t,
  files,
  { load = ASKS, names = 'semi-space-16', args = [], options = {} } = {},
) {
  const dir = folder(t);
  const all = { 'load.js': LOAD, 'server.js': serverOf("res.end('hello')"), ...files };
  for (const [name, text] of Object.entries(all)) fs.writeFileSync(path.join(dir, name), text);
  const how = ['--load', load, '--minutes', '0.05', '--with', names, ...args];
  const done = await ralloc(['compare', ...how, '--', NODE, 'server.js'], { cwd: dir, ...options });
  const read = (name) => fs.readFileSync(path.join(dir, name), 'utf8');
  return { ...done, read, alive: () => read('pids').trim().split(' ').map(Number).filter(isAlive) };
}

posixTest('plain, the variants, plain again, in fresh processes: one table', async (t) => {
  const { code, stdout, stderr, read, alive } = await compared(t, {});
  t.is(code, 0, stderr);
  t.is(read('started').slice(0, 3), '-S-');
  t.deepEqual(alive(), []);
  const lines = stdout.split('\n');
  t.regex(lines[1], /^ +CPU\/request +(requests\/s|p50 +p99) +RSS peak$/);
  t.regex(lines[2], /^plain +[\d.,]+ (µs|ms) .* MB$/);
  t.regex(lines[3], /^again +(no difference|not stable)/);
  t.regex(lines[4], /^semi-16 /);
  t.true(
    lines.every((line) => line.length <= 80),
    stdout,
  );
  t.regex(stderr, /block 1, plain: 0:0\d left\nblock 1, semi-space-16: /);
});

posixTest('as JSON', async (t) => {
  const { code, stdout, stderr } = await compared(t, {}, { names: 'plain', args: ['--json'] });
  t.is(code, 0, stderr);
  const { variants, figures, node, sentences } = JSON.parse(stdout);
  t.is(node, process.versions.node);
  t.deepEqual(
    variants.map(({ name }) => name),
    ['plain'],
  );
  t.true(
    variants[0].runs.length >= 2 && variants[0].runs.every(({ cpu, done }) => cpu > 0 && done > 9),
  );
  t.true(figures.cpu.plain > 0);
  t.is(sentences.length, 1);
});

const STRANGE = `(isOther ? res.writeHead(503) : res).end('hello')`;
const OTHER = `res.end(isOther ? 'HELLO' : 'hello')`;

for (const [what, files, message] of [
  [
    'answers with another status',
    { 'server.js': serverOf(STRANGE) },
    /^semi-space-16: it answers \d+ of \d+ requests with 503, which plain never does$/m,
  ],
  [
    'answers with other bytes',
    { 'server.js': serverOf(OTHER) },
    /^semi-space-16: it answers GET \/page otherwise than plain/m,
  ],
  [
    'ends under the load',
    {
      'server.js': serverOf(
        `{ if (isOther && req.url === '/page') { console.error('the last line'); process.exit(7); } res.end('hello'); }`,
      ),
    },
    /^semi-space-16: the server ended with exit code 7 under the load\n {2}\| the last line$/m,
  ],
  [
    'begins anew under the load',
    {
      'server.js': `const cluster = require('node:cluster');
if (cluster.isPrimary) { cluster.fork(); cluster.on('exit', () => cluster.fork()); } else {
${serverOf(`{ res.end('hello'); if (isOther && req.url === '/page') setImmediate(() => process.exit(0)); }`)}
}
`,
      // a connection that was given to a worker that ends is never answered
      'load.js': LOAD.replace(
        "'/page')",
        "'/page', { signal: AbortSignal.timeout(2000) }).catch(() => new Response())",
      ),
    },
    /^semi-space-16: a process of the server ended under the load, and the rest went on or began anew$/m,
  ],
]) {
  posixTest(`a variant that ${what} is told, and ends`, async (t) => {
    const { code, stdout, stderr, alive } = await compared(t, files);
    t.is(code, 0, stderr);
    t.regex(stdout, /^semi-16 +ended, see below$/m);
    t.regex(stdout, message);
    t.deepEqual(alive(), []);
  });
}

posixTest('a server that does not stand the load: that is the result', async (t) => {
  const dies = serverOf(
    `{ if (req.url === '/page') process.kill(process.pid, 'SIGKILL'); res.end(); }`,
  );
  const { code, stdout, alive } = await compared(t, { 'server.js': dies }, { names: 'run' });
  t.is(code, 1);
  t.regex(stdout, /^plain: the server ended with SIGKILL under the load$/m);
  t.regex(stdout, /^run: the server ended with SIGKILL under the load$/m);
  t.deepEqual(alive(), []);
});

for (const [what, files, options, message] of [
  [
    'a load that fails',
    { 'load.js': "throw new Error('no load');\n" },
    {},
    /^ralloc: the load ended with exit code 1: .*load\.js .*\n[\s\S]*Error: no load/m,
  ],
  [
    'a load that is no program',
    {},
    { load: './none {url}' },
    /^ralloc: the load ended with exit code 127: /m,
  ],
  [
    'a load that ends at once',
    {},
    { load: `"${NODE}" -e "fetch('{url}')"` },
    /^ralloc: the load was over after [\d.]+ s, too soon to measure/m,
  ],
  [
    'a load of nothing',
    {},
    { load: `"${NODE}" -e "for (const end = Date.now() + 1200; Date.now() < end; );"` },
    /^ralloc: the server has seen no request of the load: .*Does it ask http:\/\/127\.0\.0\.1:\d+\?/m,
  ],
  [
    'a server that ends before it listens',
    { 'server.js': "console.error('no port');\nprocess.exitCode = 3;\n" },
    {},
    /^ralloc: the server ended with exit code 3 before it listened: is its port free\?\n {2}\| no port$/m,
  ],
]) {
  posixTest(`${what} ends it with the reason`, async (t) => {
    const { code, stdout, stderr } = await compared(t, files, { names: 'plain', ...options });
    t.is(code, 1);
    t.regex(stdout + stderr, message);
  });
}

posixTest('several ports are told; the load gets the first', async (t) => {
  const first = serverOf("res.end('hello')");
  const two = first.replace('() => {', "() => {\n  require('node:net').createServer().listen(0);");
  const { code, stdout, stderr } = await compared(t, { 'server.js': two }, { names: 'plain' });
  t.is(code, 0, stderr);
  t.regex(stdout, /^The server listens on several ports: \d+, \d+\. \{port\} and/m);
});

posixTest('Ctrl-C shows what there is, and leaves no process', async (t) => {
  const dir = folder(t);
  fs.writeFileSync(path.join(dir, 'load.js'), LOAD);
  fs.writeFileSync(path.join(dir, 'server.js'), serverOf("res.end('hello')"));
  const args = ['compare', '--load', ASKS, '--with', 'plain', '--minutes', '0.9'];
  const child = spawn(NODE, [bin, ...args, '--', NODE, 'server.js'], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told = [text(child.stdout), once(child, 'exit')];
  for await (const chunk of child.stderr) if (`${chunk}`.includes('block 2')) child.kill('SIGINT');
  const [stdout, [code]] = await Promise.all(told);
  t.is(code, 130);
  t.regex(stdout, /^again /m);
  const pids = fs.readFileSync(path.join(dir, 'pids'), 'utf8').trim().split(' ');
  t.deepEqual(pids.map(Number).filter(isAlive), []);
});

/** A server with a table, whose lines take an arena. */
const WITH_TABLE = `'use strict';

const http = require('node:http');
const { requestArena } = require('ralloc');
const { rows } = require('./rows.js');

const arenas = requestArena();
http.createServer((req, res) => arenas(req, res, () => res.end(LINE))).listen(0, '127.0.0.1');
`;

for (const [what, line, message] of [
  ['a table is a variant too', 'rows(65536)', /^table +(?!ended)/m],
  [
    'a load that reaches no line of the table ends it',
    "'none'",
    /^table: the load reaches no line of the table/m,
  ],
]) {
  posixTest(what, async (t) => {
    const files = { 'server.js': WITH_TABLE.replace('LINE', line), 'load.js': LOAD };
    const how = ['--load', ASKS, '--with', 'table', '--minutes', '0.05'];
    const { code, stdout, stderr } = await tried(t, { files }).trial(how, [NODE, 'server.js']);
    t.is(code, 0, stderr);
    t.regex(stdout, message);
  });
}
