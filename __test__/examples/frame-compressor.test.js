'use strict';
// tier: tools

// An ingest process and its compressor, over real sockets: every byte, the limit, and a compressor that is killed.

const test = require('ava');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const zlib = require('node:zlib');
const { Slab } = require('../..');
const { random } = require('../helpers/random.js');
const { canInherit, inheritTest } = require('../helpers/slab-process.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

const { FrameCompressor } = require('../../examples/frame-compressor.js');
const program = path.join(__dirname, '..', '..', 'examples', 'frame-compressor.js');
const SLOT = 2 ** 18;
const LONGEST = SLOT - (SLOT >> 10) - 64;

async function serve(t, slots = 8) {
  const slab = Slab.create(null, { sizes: [SLOT], count: slots, transitMs: 200 });
  const server = new FrameCompressor({ slab });
  t.teardown(async () => {
    if (server.pid !== undefined) process.kill(server.pid, 'SIGCONT'); // where a test failed
    await server.close();
    slab.close({ force: true });
  });
  const { port } = await server.listen();
  return { server, slab, port };
}

function frame(size, seed) {
  const next = random(seed + 1);
  const values = seed % 2 === 0 ? 256 : 7;
  return Buffer.from(Array.from({ length: size }, () => next(values)));
}

/** A request whose body the caller writes: `answer` resolves to { status, headers, body }. */
function open(port, { method = 'POST', headers = {} } = {}) {
  const req = http.request({ port, host: '127.0.0.1', method, headers, agent: false });
  req.on('error', () => {}); // `answer` has it
  const answer = once(req, 'response').then(async ([res]) => ({
    status: res.statusCode,
    headers: res.headers,
    body: Buffer.concat(await res.toArray()),
  }));
  answer.catch(() => {}); // of one that is cut off
  return { req, answer };
}

function post(port, body) {
  const { req, answer } = open(port, { headers: { 'content-length': body.length } });
  req.end(body);
  return answer;
}

/** Half of a body, of which the server has taken some. */
async function half(t, port, slab, body) {
  const before = slab.stats().held;
  const { req, answer } = open(port, { headers: { 'content-length': body.length } });
  req.write(body.subarray(0, body.length / 2));
  await until(() => slab.stats().held === before + 2);
  t.teardown(() => req.destroy());
  return { req, answer };
}

const isPacked = ({ status, body }, original) =>
  status === 200 && zlib.gunzipSync(body).equals(original);

/** Every slot can be had again: of those that were on their way once `transitMs` is over. */
async function allComeBack(t, slab) {
  const { count } = slab.stats();
  await until(() => {
    const all = [];
    for (let one = slab.tryAlloc(1); one !== null; one = slab.tryAlloc(1)) all.push(one);
    for (const one of all) slab.free(one);
    return all.length === count;
  });
  t.like(slab.stats(), { held: 0, sent: 0, stolen: 0 });
}

inheritTest('frames of all lengths come back compressed, several at once', async (t) => {
  const { server, slab, port } = await serve(t);
  for (const sizes of [
    [1, 2, 1000],
    [65_535, 65_536, LONGEST],
    [LONGEST, LONGEST - 1, 100_000, 3],
  ]) {
    const frames = sizes.map((size, i) => frame(size, i));
    const answers = await Promise.all(frames.map((one) => post(port, one)));
    for (const [i, one] of answers.entries()) t.true(isPacked(one, frames[i]), `${sizes[i]} B`);
  }
  await until(() => server.stats.answered === 10);
  t.like(server.stats, { refused: 0, lost: 0, cut: 0, restarts: 0, waiting: 0 });
  await allComeBack(t, slab);
});

inheritTest('who finds no slots is told to come again, and others are served', async (t) => {
  const { server, slab, port } = await serve(t, 4);
  const bodies = [frame(200_000, 0), frame(200_000, 1)];
  const slow = [await half(t, port, slab, bodies[0]), await half(t, port, slab, bodies[1])];
  const refused = await post(port, frame(1000, 2));
  t.is(refused.status, 503);
  t.is(refused.headers['retry-after'], '1');
  for (const [i, { req, answer }] of slow.entries()) {
    req.end(bodies[i].subarray(100_000));
    t.true(isPacked(await answer, bodies[i]));
  }
  await until(() => server.stats.answered === 2);
  t.true(isPacked(await post(port, bodies[0]), bodies[0]));
  await allComeBack(t, slab);
});

inheritTest('a client that goes amid its body, or before its answer, leaves nothing', async (t) => {
  const { server, slab, port } = await serve(t);
  const { req } = await half(t, port, slab, frame(100_000, 0));
  req.destroy();
  await until(() => server.stats.cut === 1);
  t.is(slab.stats().held, 0);
  process.kill(server.pid, 'SIGSTOP');
  const gone = open(port, { headers: { 'content-length': 50_000 } });
  gone.req.end(frame(50_000, 1));
  await until(() => server.stats.waiting === 1);
  const closed = new Promise((resolve) => gone.req.once('close', resolve));
  gone.req.destroy();
  await closed;
  process.kill(server.pid, 'SIGCONT');
  await until(() => server.stats.waiting === 0 && server.stats.answered === 1);
  await allComeBack(t, slab);
});

inheritTest('a compressor is killed: its requests get 502, the next another one', async (t) => {
  const { server, slab, port } = await serve(t);
  t.true(isPacked(await post(port, frame(1000, 1)), frame(1000, 1)));
  const { pid } = server;
  process.kill(pid, 'SIGSTOP'); // so that it has them for sure, or not even that
  const waiting = [1, 2, 3].map((seed) => post(port, frame(150_000, seed)));
  await until(() => server.stats.waiting === 3);
  process.kill(pid, 'SIGKILL');
  t.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [502, 502, 502],
  );
  t.like(server.stats, { lost: 3, restarts: 1 });
  t.not(server.pid, pid);
  const body = frame(LONGEST, 4);
  t.true(isPacked(await post(port, body), body));
  await allComeBack(t, slab);
});

inheritTest('what is no frame is refused before it takes a slot', async (t) => {
  const { server, slab, port } = await serve(t);
  const refusals = [
    [{ method: 'GET' }, 405],
    [{ headers: { 'transfer-encoding': 'chunked' } }, 411],
    [{ headers: { 'content-length': 0 } }, 411],
    [{ headers: { 'content-length': LONGEST + 1 } }, 413],
  ];
  for (const [options, status] of refusals) {
    const { req, answer } = open(port, options);
    if (status === 413) req.flushHeaders();
    else req.end();
    t.is((await answer).status, status);
    req.destroy();
  }
  t.is(server.stats.refused, 4);
  t.is(slab.stats().pools[0].peak, 0);
});

inheritTest('as a program: it serves until SIGTERM, answers what it has, and tells', async (t) => {
  const body = frame(2 ** 20 - 2000, 3);
  const { code, stdout, stderr } = await run(t, program, ['--port', '0'], async (port, child) => {
    const { req, answer } = open(port, { headers: { 'content-length': body.length } });
    t.true(isPacked(await post(port, body), body));
    req.write(body.subarray(0, 1000));
    await post(port, frame(10, 1)); // the half body came before it
    child.kill('SIGTERM');
    req.end(body.subarray(1000));
    t.true(isPacked(await answer, body));
  });
  t.is(code, 0, stderr);
  t.regex(stdout, /\n3 answered, 0 refused, 0 cut off, 0 lost\n0 compressors started again\n$/);
});

test('as a program: wrong usage is told, and where it cannot serve it says why', async (t) => {
  for (const args of [['--fast'], ['--slots', '1'], ['--port', 'x']]) {
    t.is((await run(t, program, args)).code, 2);
  }
  if (canInherit) return;
  const { code, stderr } = await run(t, program, ['--port', '0']);
  t.is(code, 1);
  t.not(stderr, '');
});
