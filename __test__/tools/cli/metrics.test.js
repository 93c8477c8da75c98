'use strict';
// tier: tools

// ralloc top and ralloc doctor: what they read of a server's metrics, and what they say of addresses that have none.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const test = require('ava');
const promClient = require('prom-client');
const { Budget, Region, Slab, collectMetrics, metricsText, requestArena } = require('../../..');
const { posixTest } = require('../../helpers/backend.js');
const { called } = require('../../helpers/cli.js');

const BIN = path.join(__dirname, '..', '..', '..', 'bin', 'ralloc.js');

/** A server that answers with what `page` returns: its address. */
async function serve(t, page, status = 200) {
  const server = http.createServer(async (_req, res) => {
    res.statusCode = status;
    res.end(await page());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${server.address().port}`;
}

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
  for (const frame of await topOf(own, open, client)) {
    t.like(frame.budget['a "b"'], { used_bytes: 400, limit_bytes: 1000, refused_total: null });
    t.like(frame.slab.top, { buffers: 1, used_bytes: 64 });
    t.is(frame.region.top.buffers, 1);
    t.is(frame.arena.top.requests_in_flight, arenas.stats().inFlight);
    t.true(frame.process.resident > 0);
  }
  slab.close({ force: true });
  region.close({ force: true });
});

posixTest(
  'top shows frames with rates and ends at Ctrl-C; piped it has no colour, and 80 columns',
  async (t) => {
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
    const child = spawn(process.execPath, [BIN, 'top', '-i', '0.1', address, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      text += chunk;
      if (/all .* [1-9]\d*\/s/.test(text)) break;
    }
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    t.is(code, 0);
    t.regex(text, /^1 127\.0\.0\.1:\d+$/m);
    t.regex(text, /^BUDGETS .*used .*limit .*refused/m);
    t.regex(text, /^2 all +1K +2K +- +- +- +-$/m, 'the first frame has no rates');
    t.false(text.includes('\x1b'));
    t.deepEqual(
      text.split('\n').filter((line) => line.length > 80),
      [],
    );
  },
);

test('doctor tells what there is, as text and as JSON', async (t) => {
  const text = await called(['doctor']);
  t.is(text.code, 0, text.stderr);
  t.regex(text.stdout, /^ralloc: \d+\.\d+\.\d+, backend (native|js)$/m);
  const { stdout } = await called(['doctor', '--json']);
  const checks = JSON.parse(stdout);
  t.true(checks.length >= 6);
  for (const { name, value, advice } of checks) {
    t.is(typeof name, 'string');
    t.is(typeof value, 'string', name);
    t.true(advice === null || typeof advice === 'string', name);
  }
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
  const large = await called(['doctor', '--json', await serve(t, () => page(1 << 30))]);
  t.is(large.code, 0);
  t.like(JSON.parse(large.stdout).at(-1), { advice: null });
});

test('an address that has no metrics of ralloc is one line and an exit code', async (t) => {
  const closed = http.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address();
  await new Promise((resolve) => closed.close(resolve));
  const cases = [
    [`127.0.0.1:${port}`, 1, /: no answer \(ECONNREFUSED\)$/],
    [await serve(t, () => '<html>\n<p>hello</p>'), 1, /: answers with what is no page of metrics$/],
    [await serve(t, () => ''), 1, /: answers with what is no page of metrics$/],
    [await serve(t, () => 'none', 404), 1, /: answers with 404, and not with metrics$/],
    [
      await serve(t, () => 'up 1\n'),
      1,
      /: has no metrics of ralloc\. Add them by collectMetrics\(\)/,
    ],
    ['http://', 2, /^ralloc: http:\/\/ is no address\. Write it as http:/],
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

test('wrong arguments of top and doctor', async (t) => {
  for (const [args, message] of [
    [['top'], /Give the address of a server/],
    [['top', '-i', '0', 'localhost:3000'], /--interval must be 0\.1 to 3600 seconds, not 0/],
    [['top', '--often', 'localhost:3000'], /--often/],
    [['doctor', 'a:1', 'b:1'], /Give one address at most/],
  ]) {
    const { code, stderr } = await called(args);
    t.is(code, 2);
    t.regex(stderr, message);
  }
});
