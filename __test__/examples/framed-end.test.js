'use strict';
// tier: tools

// The framed server when clients go away, do not read, or want more than there is: no slot stays behind.

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { Slab } = require('../..');
const { HEADER, ops, statuses } = require('../../examples/framed/protocol.js');
const { stamped } = require('../helpers/bytes.js');
const { serve, nothingLeft, frameOf, rawClient } = require('../helpers/framed.js');
const { until } = require('../helpers/until.js');

const MiB = 2 ** 20;

test('clients that reset while they send, wait or refuse to read leave nothing behind', async (t) => {
  const { server, port } = await serve(t);
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: 30 }, () => rawClient(port)));
    for (const [i, { socket }] of clients.entries()) {
      const frame = frameOf(ops.ECHO, Buffer.alloc(MiB - HEADER, i));
      if (i % 3 === 0)
        socket.write(frame.subarray(0, MiB / 2)); // half a frame
      else if (i % 3 === 1)
        for (let k = 0; k < 8; k++) socket.write(frame); // and reads nothing
      else socket.write(frame.subarray(0, 3)); // less than a header
    }
    await until(() => server.stats.memory.held >= 40);
    for (const { socket } of clients) socket.resetAndDestroy();
    await Promise.all(clients.map(({ closed }) => closed));
    await nothingLeft(t, server);
  }
  // On Node 20 and 22 resetAndDestroy() may end the stream first.
  t.true(server.stats.cut > 20, `${server.stats.cut} of 90`);
});

test('who does not take its answers is not read: a few frames wait, and all come in the end', async (t) => {
  const { server, port } = await serve(t, { maxFrame: 2 ** 16 + HEADER });
  const client = await rawClient(port);
  client.socket.pause();
  const bodies = Array.from({ length: 400 }, (_, id) => stamped(2 ** 16, id));
  let sent = 0;
  for (const body of bodies) client.socket.write(frameOf(ops.ECHO, body), () => sent++);
  client.socket.end();
  // Stuck: the kernel's buffers are full in both directions.
  let before = -1;
  await until(() => {
    const now = server.stats.frames + sent;
    const stuck = now === before && client.socket.writableLength > 0 && server.stats.frames > 0;
    before = now;
    return stuck;
  });
  t.true(server.stats.memory.held <= 4, `${server.stats.memory.held} slots`);
  t.true(server.stats.frames < 400);
  client.read();
  client.socket.resume();
  await client.closed;
  t.deepEqual(
    client.answers.map(([status, body], i) => [status, body.equals(bodies[i])]),
    bodies.map(() => [statuses.OK, true]),
  );
  await nothingLeft(t, server);
});

test('twenty clients share a slab of three large frames: who finds none waits, and nobody fails', async (t) => {
  const slab = new Slab({ sizes: [64, 2 ** 17], count: [64, 3] });
  const { server, port } = await serve(t, { slab });
  const body = (id, k) => stamped(100_000, 10 * id + k);
  const frames = (id) => Buffer.concat([0, 1, 2].map((k) => frameOf(ops.ECHO, body(id, k))));
  const clients = await Promise.all(Array.from({ length: 20 }, () => rawClient(port)));
  for (const [id, { socket }] of clients.entries()) socket.write(frames(id).subarray(0, 90_000));
  await until(() => server.stats.waiting === 17);
  for (const [id, client] of clients.entries()) {
    client.read();
    client.socket.end(frames(id).subarray(90_000));
  }
  await Promise.all(clients.map(({ closed }) => closed));
  for (const [id, { answers }] of clients.entries()) {
    t.deepEqual(
      answers.map(([status, answer], k) => [status, answer.equals(body(id, k))]),
      Array(3).fill([statuses.OK, true]),
    );
  }
  await nothingLeft(t, server);
  t.is(slab.stats().pools[1].peak, 3);
  t.true(slab.stats().pools[1].exhaustions > 0);
  await server.close();
  slab.close();
});

test('a connection without a byte for the time that is allowed is ended, and its frame is free', async (t) => {
  const { server, port } = await serve(t, { idleMs: 50 });
  const client = await rawClient(port);
  client.socket.write(frameOf(ops.ECHO, Buffer.alloc(1000)).subarray(0, 500));
  await client.closed;
  await nothingLeft(t, server);
});

test('close() lets what is answered out, ends every connection, and closes the slab', async (t) => {
  const { server, port, slab, connect } = await serve(t, { maxFrame: 64 * MiB });
  const clients = await Promise.all([1, 2, 3].map(() => connect()));
  const answers = await Promise.all(clients.map((one) => one.request(0, Buffer.alloc(300_000, 1))));
  for (const { status, body, frame } of answers) {
    t.deepEqual([status, body.equals(Buffer.alloc(300_000, 1))], [statuses.OK, true]);
    slab.free(frame);
  }
  // More than the kernel takes: most of the answer still waits in the server when it closes.
  const large = Buffer.alloc(32 * MiB, 'large');
  const slow = await rawClient(port);
  slow.socket.write(frameOf(ops.ECHO, large));
  await until(() => slow.socket.bytesRead > 0);
  t.is(server.stats.frames, 3);
  const closing = server.close();
  slow.read();
  await Promise.all([closing, slow.closed]);
  const [[status, body], ...rest] = slow.answers;
  t.deepEqual([status, body.equals(large), rest], [statuses.OK, true, []]);
  t.like(server.stats, { open: 0 });
  t.false(server.stats.memory.live);
  await t.throwsAsync(clients[1].request(ops.ECHO, Buffer.alloc(1)));
  await until(() => slab.stats().held === 0);
});
