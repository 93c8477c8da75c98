'use strict';
// tier: tools

const { posixTest } = require('../helpers/backend.js');
require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { createHash } = require('node:crypto');
const path = require('node:path');
const { Slab } = require('../..');
const { FramedClient } = require('../../examples/framed/client.js');
const { HEADER, ops, statuses } = require('../../examples/framed/protocol.js');
const { stamped } = require('../helpers/bytes.js');
const { serve, nothingLeft, frameOf, rawClient } = require('../helpers/framed.js');
const { random } = require('../helpers/random.js');
const { run } = require('../helpers/serving.js');

const program = path.join(__dirname, '..', '..', 'examples', 'framed-server.js');

/** What the answer's body has to be. */
const expected = {
  [ops.ECHO]: (body) => body,
  [ops.UPPER]: (body) =>
    Buffer.from(body.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte))),
  [ops.DIGEST]: (body) => createHash('sha256').update(body).digest(),
};

test('sixty clients at once send frames of all sizes and get their answers, in order', async (t) => {
  const { server, slab, connect } = await serve(t);
  const oneClient = async (seed) => {
    const next = random(seed);
    const client = await connect();
    const requests = Array.from({ length: 30 }, async (_, i) => {
      const size = [0, 1, 59, 60, 500, 5000, 70_000, 300_000][next(8)];
      const [op, body] = [next(3), stamped(size, seed * 100 + i)];
      const { status, body: answer, frame } = await client.request(op, body);
      const right = status === statuses.OK && answer.equals(expected[op](body));
      slab.free(frame);
      return right;
    });
    const all = await Promise.all(requests);
    await client.close();
    return all;
  };
  const results = await Promise.all(Array.from({ length: 60 }, (_, seed) => oneClient(seed)));
  t.true(results.flat().every(Boolean));
  await nothingLeft(t, server);
  t.like(server.stats, { connections: 60, frames: 1800, refused: 0, cut: 0 });
  t.like(slab.stats(), { held: 0, refused: 0 });
});

test('frames that arrive cut anywhere, or many in one piece, are the same frames', async (t) => {
  const { server, port } = await serve(t);
  const bodies = [0, 1, 2, 55, 56, 300].map((size, id) => stamped(size, id));
  const bytes = Buffer.concat(bodies.map((body, i) => frameOf(i % 3, body)));
  const right = bodies.map((body, i) => [statuses.OK, expected[i % 3](body)]);
  for (const most of [1, 2, 3, 4, 7, 64, bytes.length]) {
    const client = await rawClient(port);
    client.read();
    client.socket.setNoDelay();
    for (let at = 0; at < bytes.length; at += most) {
      client.socket.write(bytes.subarray(at, at + most));
      await new Promise(setImmediate);
    }
    client.socket.end();
    await client.closed;
    t.deepEqual(client.answers, right, `${most} bytes at a time`);
  }
  const client = await rawClient(port);
  client.read();
  client.socket.end(Buffer.concat(Array(2000).fill(frameOf(ops.ECHO, Buffer.from('tiny')))));
  await client.closed;
  t.deepEqual(client.answers, Array(2000).fill([statuses.OK, Buffer.from('tiny')]));
  await nothingLeft(t, server);
});

test('a frame that is too large or empty is refused by name, after the answers before it', async (t) => {
  const { server, port } = await serve(t, { maxFrame: 10_000 });
  const tooLarge = frameOf(ops.ECHO, Buffer.alloc(20_000));
  const claims = Buffer.from([0xff, 0xff, 0xff, 0xff, 0]);
  const cases = [
    [tooLarge, statuses.TOO_LARGE, 'a frame of 20005 bytes, more than 10000'],
    [claims, statuses.TOO_LARGE, 'a frame of 4294967299 bytes, more than 10000'],
    [Buffer.alloc(HEADER), statuses.EMPTY, 'a frame has at least 1 byte'],
  ];
  for (const [bad, status, text] of cases) {
    const client = await rawClient(port);
    client.read();
    const good = frameOf(ops.ECHO, Buffer.alloc(9995, 'g'));
    client.socket.write(Buffer.concat([good, bad]));
    // Goes on, unasked: none of this may turn the refusal into a reset.
    for (let i = 0; i < 50; i++) client.socket.write(Buffer.alloc(100_000));
    client.socket.end();
    await client.closed;
    t.is(client.error, null);
    t.deepEqual(client.answers, [
      [statuses.OK, Buffer.alloc(9995, 'g')],
      [status, Buffer.from(text)],
    ]);
  }
  t.like(server.stats, { frames: 3, refused: 3, cut: 0 });
  await nothingLeft(t, server);
});

test('an unknown op is answered with an error, and the connection goes on', async (t) => {
  const { server, slab, connect } = await serve(t);
  const client = await connect();
  for (const [op, status, text] of [
    [77, statuses.UNKNOWN_OP, 'unknown op 77'],
    [ops.ECHO, statuses.OK, 'body'],
  ]) {
    const answer = await client.request(op, Buffer.from('body'));
    t.deepEqual([answer.status, answer.body.toString()], [status, text]);
    slab.free(answer.frame);
  }
  await client.close();
  await nothingLeft(t, server);
});

posixTest('as a program: it serves until it is told to end', async (t) => {
  const { code, stdout } = await run(t, program, ['--port', '0'], async (port, child) => {
    const slab = new Slab({ sizes: [64, 2 ** 16], count: 16 });
    const client = await FramedClient.connect({ port, slab });
    const { body, frame } = await client.request(ops.UPPER, Buffer.from('written'));
    t.is(body.toString(), 'WRITTEN');
    slab.free(frame);
    child.kill('SIGTERM');
  });
  t.is(code, 0);
  t.regex(stdout, /\n1 connections, 1 frames, 0 refused, 1 cut off\n$/);
  for (const args of [['--fast'], ['--port', 'x'], ['--max-frame', '-1']])
    t.is((await run(t, program, args)).code, 2);
});
