'use strict';
// tier: tools

// ralloc top, doctor and compare --metrics: what they read of a server's metrics, and what they say
// of addresses that have none.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const zlib = require('node:zlib');
const { serial: test } = require('ava'); // some pages take as long to read as top waits for one
const promClient = require('prom-client');
const { Budget, Region, Slab, collectMetrics, metricsText, requestArena } = require('../../..');
const { readPage, serverOf } = require('../../../tools/cli/metrics-page.js');
const { posixTest } = require('../../helpers/backend.js');
const { fixturePath } = require('../../helpers/child.js');
const { called } = require('../../helpers/cli.js');
const { bin } = require('../../helpers/profile.js');
const { serveOnly } = require('../../helpers/server.js');
const { until } = require('../../helpers/until.js');

/** A server that answers with what `page` returns: its address. */
const serve = (t, page, status = 200) =>
  listen(
    t,
    http.createServer(async (_req, res) => {
      res.statusCode = status;
      res.end(await page());
    }),
  );

const listen = async (t, server) => `127.0.0.1:${await serveOnly(t, server)}`;

const topOf = async (...addresses) =>
  JSON.parse((await called(['top', '--once', ...addresses])).stdout);

test('top --once is a frame as JSON, whatever made the page', async (t) => {
  const budget = new Budget({ name: 'a "b"', maxBytes: 1000 });
  budget.charge(400);
  const slab = new Slab({ name: 'top', sizes: [64], count: 4 });
  slab.alloc(64);
  const region = new Region({ name: 'top' });
  region.alloc(1000);
  const arenas = requestArena({ name: 'top' });
  const register = new promClient.Registry();
  collectMetrics(promClient, { register, prefix: 'shop_', labels: { zone: 'x,y="z"' } });
  promClient.collectDefaultMetrics({ register });
  const [own, open, client] = await Promise.all([
    serve(t, () => metricsText()),
    serve(t, () => metricsText({ openMetrics: true })),
    serve(t, () => register.metrics()),
  ]);
  t.is(budget.tryCharge(1000), null);
  for (const frame of await topOf(own, open, client)) {
    t.like(frame.budget['a "b"'], { used_bytes: 400, limit_bytes: 1000, refused_total: 1 });
    t.like(frame.slab.top, { buffers: 1, used_bytes: 64 });
    t.is(frame.region.top.buffers, 1);
    t.is(frame.arena.top.requests_in_flight, arenas.stats().inFlight);
    t.true(frame.process.resident > 0);
  }
  slab.close({ force: true });
  region.close({ force: true });
});

const topOfPage = async (t, ...lines) => (await topOf(await serve(t, () => lines.join('\n'))))[0];

test('lines of other libraries, and values that are no figures', async (t) => {
  const { process: own, budget } = await topOfPage(
    t,
    '# TYPE ralloc_budget_used_bytes gauge',
    '{"http.bytes", code="200"} 3',
    'http_seconds_bucket{le="0.5"} 3 # {trace_id="}"} 0.3 1700000000.123',
    'go_gc_duration_seconds{quantile="0"} NaN',
    '\tspaces { budget = "x" , } 1e3 1700000000123\r',
    'ralloc_budget_used_bytes{budget="a",instance="}{\\"\\\\"} 5 1700000000123',
    'ralloc_budget_used_bytes{instance="other",budget="a"} 10',
    'ralloc_budget_limit_bytes{budget="a"} +Inf',
    'ralloc_budget_peak_bytes{budget="a"} nan',
    'ralloc_budget_waiting{of="nobody"} 7',
    'ralloc_budget_used_bytes{budget="__proto__"} 1',
    'ralloc_budget_used_bytes{budget="constructor"} -2.5E0',
    'ralloc_process_resident_bytes 0x10',
    '# EOF',
    '',
  );
  t.deepEqual(Object.keys(budget), ['a', '__proto__', 'constructor']);
  t.like(budget.a, { used_bytes: 15, limit_bytes: null, peak_bytes: null, waiting: null });
  t.is(Object.entries(budget)[1][1].used_bytes, 1);
  t.is(Object.entries(budget)[2][1].used_bytes, -2.5);
  t.is(own.resident, 16);
});

const signalTest = (title, body) => posixTest(title, body, test);

/**
 * Ends `top` of these addresses by Ctrl-C once its output is `enough`: { code, text }. `screen`: of
 * a terminal.
 */
async function stopped(t, addresses, enough, { screen, env } = {}) {
  const preload = screen === undefined ? [] : ['--require', fixturePath('tools/cli/screen.js')];
  const args = [...preload, bin, 'top', '-i', '0.1', ...addresses];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, RALLOC_TEST_SCREEN: screen, ...env },
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exit = once(child, 'exit');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await until(() => enough(text));
  child.kill('SIGINT');
  const [code] = await exit;
  return { code, text };
}

signalTest('top shows frames with rates, piped in 80 columns without colour', async (t) => {
  let refused = 0;
  const page = () => {
    refused += 1000;
    return `ralloc_budget_limit_bytes{budget="all"} 2048
ralloc_budget_used_bytes{budget="all"} 1024
ralloc_budget_refused_total{budget="all"} ${refused}
ralloc_arena_requests_total{arena="${'long '.repeat(20)}\\nname"} 7
`;
  };
  const address = await serve(t, page);
  const enough = (text) => /all .* [1-9]\d*\/s/.test(text);
  const { code, text } = await stopped(t, [address, address], enough);
  t.is(code, 0);
  t.regex(text, /^1 127\.0\.0\.1:\d+$/m);
  t.regex(text, /^BUDGETS .*used .*limit .*refused/m);
  t.regex(text, /^2 all +1K +2K +- +- +- +-$/m, 'the first frame has no rates');
  t.false(text.includes('\x1b'));
  t.deepEqual(
    text.split('\n').filter((line) => line.length > 80),
    [],
  );
});

signalTest('a terminal that is narrow and low has what fits, the largest first', async (t) => {
  const names = Array.from({ length: 30 }, (_, i) => `näme😀 of tenant ${i}`);
  const lines = names.flatMap((name, i) => [
    `ralloc_budget_used_bytes{budget="${name}"} ${i === 7 ? 1e300 : i}`,
    `ralloc_region_used_bytes{region="${name}"} ${i}`,
  ]);
  const address = await serve(t, () => `${lines.join('\n')}\n`);
  const enough = (text) => text.split('\x1b[2J').length > 2;
  const { code, text } = await stopped(t, [address], enough, { screen: '50x20' });
  t.is(code, 0);
  const [before, frame] = text.split('\x1b[2J');
  t.is(before, '\x1b[?25l\x1b[H');
  t.true(text.endsWith('\x1b[?25h'), 'the cursor is there again');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal takes
  const shown = frame.replaceAll(/\x1b\[[?\d]*\w/g, '').split('\n');
  t.true(shown.length <= 20);
  t.deepEqual(
    shown.filter((line) => [...line].length > 50),
    [],
  );
  t.regex(shown[4], /^näme😀 of … +1\.0e\+300 +- +- /);
  t.regex(shown[5], /^näme😀 of … +29B /);
  t.is(shown.filter((line) => / more$/.test(line)).length, 2);
  const dumb = await stopped(t, [address], (text) => text.includes(' 29B '), {
    screen: '50x20',
    env: { TERM: 'dumb' },
  });
  t.false(dumb.text.includes('\x1b'));
});

signalTest('Ctrl-C ends top while a server lets it wait', async (t) => {
  let asked = 0;
  const silent = http.createServer(() => {
    asked++;
  });
  const [answers, waits] = [
    await serve(t, () => 'ralloc_process_pressure_level 0\n'),
    await listen(t, silent),
  ];
  const { code, text } = await stopped(t, [answers, waits], () => asked > 0);
  t.is(code, 0);
  t.is(text, '');
});

test('a page that is endless, a bomb, late or cut off is one line; one that is sent elsewhere is read', async (t) => {
  const lines = Buffer.from('ralloc_budget_used_bytes 1\n'.repeat(40_000));
  const bomb = zlib.gzipSync(Buffer.alloc(65 * 2 ** 20, '\n'));
  const endless = (_req, res) => {
    const more = () => {
      while (!res.destroyed && res.write(lines));
    };
    res.on('drain', more);
    more();
  };
  const gzip = (bytes) => (_req, res) => {
    res.setHeader('content-encoding', 'gzip');
    res.end(bytes);
  };
  const page = 'ralloc_process_pressure_level 2\n';
  const refused = [
    [endless, /: answers with more than 64 MiB$/],
    [gzip(bomb), /: answers with more than 64 MiB$/],
    [gzip(Buffer.from('no gzip')), /: no answer \(Z_DATA_ERROR\)$/],
    [
      (_req, res) => res.writeHead(302, { location: '/again' }).end(),
      /: no answer \(.*redirect.*\)$/,
    ],
    [
      (_req, res) => res.writeHead(200, { 'content-length': 100 }).write('x', () => res.destroy()),
      /: no answer \(\w+\)$/,
    ],
    [(_req, res) => res.writeHead(204).end(), /: answers with 204, and not with metrics$/],
  ];
  for (const [listener, message] of refused) {
    const address = await listen(t, http.createServer(listener));
    const { code, stderr } = await called(['top', '--once', address]);
    t.is(code, 1);
    t.regex(stderr.trimEnd(), message);
    t.is(stderr.split('\n').length, 2, 'one line');
  }
  const silent = await listen(
    t,
    http.createServer(() => {}),
  );
  await t.throwsAsync(readPage(serverOf(silent), { waitMs: 1 }), {
    code: 'ERR_METRICS_PAGE',
    message: `${silent}: no answer (within 0.001 s)`,
  });
  const elsewhere = (req, res) => {
    if (req.url === '/there') gzip(zlib.gzipSync(page))(req, res);
    else res.writeHead(307, { location: '/there' }).end();
  };
  const [frame] = await topOf(await listen(t, http.createServer(elsewhere)));
  t.is(frame.process.resident, null);
});

test('the user and the password of an address are sent, and never shown', async (t) => {
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push(req.headers.authorization);
    if (req.url === '/metrics') res.end('ralloc_process_pressure_level 0\n');
    else res.writeHead(500).end();
  });
  const host = await listen(t, server);
  const [frame] = await topOf(`http://me:p%40ss%@${host}`);
  t.is(frame.address, `http://${host}`);
  const { stderr } = await called(['doctor', `me:secret@${host}/other`]);
  t.is(stderr, `ralloc: ${host}/other: answers with 500, and not with metrics\n`);
  const basic = (user) => `Basic ${Buffer.from(user).toString('base64')}`;
  t.deepEqual(seen, [basic('me:p@ss%'), basic('me:secret')]);
});

test('doctor tells what there is', async (t) => {
  const { code, stdout, stderr } = await called(['doctor']);
  t.is(code, 0, stderr);
  t.regex(stdout, /^ralloc: \d+\.\d+\.\d+, backend (native|js)$/m);
  const checks = stdout
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('  → '));
  t.true(checks.length >= 5);
  for (const check of checks) t.regex(check, /^[^:]+: \S/);
});

test("doctor compares a server's limits with its memory", async (t) => {
  const page = (limit) => `ralloc_arena_limit_bytes{arena="api"} ${256 << 20}
ralloc_slab_limit_bytes{slab="a"} ${64 << 20}
ralloc_shared_slab_limit_bytes{slab="b"} ${64 << 20}
ralloc_process_heap_limit_bytes ${512 << 20}
ralloc_process_memory_limit_bytes ${limit}
ralloc_process_resident_bytes ${100 << 20}
`;
  const small = await called(['doctor', await serve(t, () => page(768 << 20))]);
  t.is(small.code, 1);
  t.regex(
    small.stdout,
    /: arenas 256 MiB \+ slabs 128 MiB \+ V8's heap 512 MiB > 768 MiB; 100 MiB in RAM\n {2}→ .*V8's heap/,
  );
  const large = await called(['doctor', await serve(t, () => page(1 << 30))]);
  t.is(large.code, 0);
  t.regex(large.stdout, / ≤ 1 GiB; 100 MiB in RAM\n$/);
});

test('doctor says of a page without limits, or without figures, what it can', async (t) => {
  for (const [page, told] of [
    ['ralloc_arena_limit_bytes{arena="a"} 1024\n', 'arenas 1 KiB of a limit that is not known'],
    ['ralloc_process_pressure_level 0\n', 'no limits of a limit that is not known'],
    [
      'ralloc_arena_limit_bytes{arena="a"} NaN\nralloc_process_memory_limit_bytes 2048\nralloc_process_resident_bytes 0\n',
      'no limits ≤ 2 KiB; 0 B in RAM',
    ],
  ]) {
    const { code, stdout } = await called(['doctor', await serve(t, () => page)]);
    t.is(code, 0);
    t.is(
      stdout
        .trimEnd()
        .split('\n')
        .at(-1)
        .replace(/^\S+: /, ''),
      told,
    );
  }
});

test('an address that has no metrics of ralloc is one line and an exit code', async (t) => {
  // Below those that systems give to whoever asks for any: one that was just closed may be another
  // test's.
  const port = 31_999;
  const cases = [
    [`127.0.0.1:${port}`, 1, /: no answer \(nothing listens there\)$/],
    [await serve(t, () => '<html>\n<p>hello</p>'), 1, /: answers with what is no page of metrics$/],
    [await serve(t, () => ''), 1, /: answers with what is no page of metrics$/],
    [await serve(t, () => 'none', 404), 1, /: answers with 404, and not with metrics$/],
    [
      await serve(t, () => 'up 1\n'),
      1,
      /: has no metrics of ralloc\. Add them by collectMetrics\(\)/,
    ],
    ['http://', 2, /^ralloc: http:\/\/ is no address\. Write it as http:/],
    ['9464', 2, /^ralloc: 9464 is no address\. Write it as http:/],
    ['127.0.0.1:10080', 1, /: no answer \(bad port\)$/],
  ];
  for (const [address, code, message] of cases) {
    for (const args of [
      ['top', '--once', address],
      ['doctor', address],
    ]) {
      const { code: ended, stdout, stderr } = await called(args);
      const [line] = stderr.split('\n');
      t.regex(line, message);
      t.is(ended, code, line);
      t.is(stdout, '');
    }
  }
});

test('top shows the servers that answer, and says which does not', async (t) => {
  const good = await serve(t, () => metricsText());
  const bad = await serve(t, () => 'none', 404);
  const { code, stdout } = await called(['top', '--once', bad, good]);
  t.is(code, 0);
  const [first, second] = JSON.parse(stdout);
  t.deepEqual(Object.keys(first), ['address', 'error']);
  t.regex(first.error, /answers with 404/);
  t.true(second.process.limit > 0);
});

/**
 * A page of a server that has served for n seconds when it is read for the nth time; it is begun
 * anew at the read `anew`.
 */
function pages({ us = 1000, rate = 100, mb = 100, more = () => '', anew }) {
  let n = 0;
  return () => {
    n = n === anew ? 0 : n + 1;
    return `process_cpu_seconds_total ${(n * rate * us) / 1e6}
http_requests_total{code="200"} ${n * rate}
ralloc_process_resident_bytes ${mb * 1e6}
ralloc_process_memory_bytes{kind="buffers"} ${mb * 5e5}
ralloc_process_memory_bytes{kind="code"} 1
${more(n)}`;
  };
}

const metricsOf = async (t, one, other, ...args) => {
  const addresses = [await serve(t, one), await serve(t, other)];
  return called(['compare', '--minutes', '0.005', ...args, '--metrics', ...addresses]);
};

test('compare --metrics: CPU a request, RSS by kind, and whether the traffic was the same', async (t) => {
  const { code, stdout } = await metricsOf(t, pages({ us: 600, mb: 60 }), pages({}));
  t.is(code, 0);
  const lines = stdout.trimEnd().split('\n');
  t.regex(lines[0], /^ +first +second +first\/second$/);
  t.regex(lines[1], /^CPU\/request +600 µs +1,000 µs +0\.60 ±0\.0\d$/);
  t.regex(stdout, /^requests\/s .* no difference$/m);
  t.regex(stdout, /^RSS +60 MB +100 MB +0\.60 ±0\.0\d\n {2}buffers +30 MB +50 MB /m);
  t.notRegex(stdout, /code/);
  t.is(lines.at(-1), 'The traffic was the same (1.00 × the requests/s).');
});

test('compare --metrics: other traffic, and a server that began anew, are told', async (t) => {
  const { stdout } = await metricsOf(t, pages({ rate: 50 }), pages({ anew: 9 }));
  t.regex(stdout, /^Left out: 1 of 12 parts, in which a server was started anew\.$/m);
  t.regex(stdout, /^The traffic was not the same \(0\.50 × the requests\/s\): only CPU\/request/m);
});

test('compare --metrics: --requests names the counter; JSON', async (t) => {
  const page = () => pages({ more: (n) => `calls_total ${2 * n}\n` });
  const args = ['--requests', 'calls_total', '--json'];
  const { stdout } = await metricsOf(t, page(), page(), ...args);
  const [{ name, a }] = JSON.parse(stdout).figures;
  t.is(name, 'CPU/request');
  t.is(Math.round(a), 50_000);
});

for (const [what, args, page, message] of [
  [
    'without CPU',
    [],
    () => 'ralloc_process_resident_bytes 1\n',
    /has no process_cpu_seconds_total\. Add it by/,
  ],
  [
    "without ralloc's",
    [],
    () => 'process_cpu_seconds_total 1\n',
    /has no metrics of ralloc\. Add them by/,
  ],
  [
    'without the counter',
    ['--requests', 'calls'],
    pages({}),
    /has no calls, which --requests names$/m,
  ],
]) {
  test(`compare --metrics: pages ${what} are told`, async (t) => {
    const { code, stderr } = await metricsOf(t, page, page, ...args);
    t.is(code, 1);
    t.regex(stderr, message);
  });
}

signalTest('compare --metrics: Ctrl-C shows what is known, and is the exit code', async (t) => {
  const addresses = [await serve(t, pages({})), await serve(t, pages({}))];
  const args = ['compare', '--minutes', '60', '--metrics', ...addresses];
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let told = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => {
      told += chunk;
    });
  await until(() => told.includes('part 1 of 12'));
  child.kill('SIGINT');
  t.deepEqual(await ended, [130, null]);
  t.regex(told, /^Nothing is known before part 3 of 12\.$/m);
});

test('compare --metrics takes two addresses', async (t) => {
  const { code, stderr } = await called(['compare', '--metrics', 'localhost:1']);
  t.is(code, 2);
  t.regex(stderr, /^ralloc: Give two addresses: ralloc compare --metrics URL_A URL_B$/m);
});
