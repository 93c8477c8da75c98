'use strict';
// tier: tools

const { posixTest } = require('../helpers/backend.js');
require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const dgram = require('node:dgram');
const fs = require('node:fs');
const path = require('node:path');
const { UdpCollector } = require('../../examples/udp-collector.js');
const { folder } = require('../helpers/folder.js');
const { random } = require('../helpers/random.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

const program = path.join(__dirname, '..', '..', 'examples', 'udp-collector.js');

/** Sends messages, each when the one before has left. */
function sender(t, port) {
  const socket = dgram.createSocket('udp4');
  t.teardown(() => socket.close());
  return (message) =>
    new Promise((resolve, reject) =>
      socket.send(message, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
}

async function collect(t, options = {}) {
  const file = path.join(folder(t), 'lines');
  const collector = new UdpCollector(file, { flushMs: 3_600_000, ...options });
  const { port } = await collector.listen();
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await collector.close();
    isClosed = true;
  };
  t.teardown(close);
  const send = sender(t, port);
  /** Sends and waits until it has come, since the kernel drops what is too much. */
  const deliver = async (message) => {
    const { messages } = collector.stats;
    await send(message);
    await until(() => collector.stats.messages === messages + 1);
  };
  return { collector, deliver, close, read: () => fs.readFileSync(file, 'utf8') };
}

test('lines are counted and kept, and the memory of messages goes back', async (t) => {
  const { collector, deliver, close, read } = await collect(t);
  await deliver('hits:1|c');
  await deliver('hits:2|c\nhits:1|c|@0.1\n');
  await deliver('load:0.7|g\nload:+0.2|g\nheat:-5|g');
  await deliver('query:12|ms|#db:main\nquery:3|ms|@0.5');
  t.deepEqual(collector.metrics.list(), [
    ['heat', 'g', { value: -5 }],
    ['hits', 'c', { total: 13 }],
    ['load', 'g', { value: 0.7 + 0.2 }],
    ['query', 'ms', { count: 3, sum: 15, min: 3, max: 12 }],
  ]);
  const { released } = collector.stats;
  t.true(released >= 30, `${released} bytes`); // the first message on Node 20 is too early
  t.is(read(), '');
  await close();
  t.is(
    read(),
    'hits:1|c\nhits:2|c\nhits:1|c|@0.1\nload:0.7|g\nload:+0.2|g\nheat:-5|g\nquery:12|ms|#db:main\nquery:3|ms|@0.5\n',
  );
  t.like(collector.stats, { messages: 4, lines: 8, bad: 0, dropped: 0, lost: 0 });
});

test('what is no line of a metric is counted, and not kept', async (t) => {
  const { collector, deliver, close, read } = await collect(t);
  const bad = [
    '',
    'hits',
    'hits:1',
    'hits:x|c',
    'hits:1|q',
    ':1|c',
    'a b:1|c',
    'hits:1|c|@0.0',
    'x'.repeat(60_000),
  ];
  for (const message of bad) await deliver(message);
  await deliver(Buffer.from([0xff, 0xfe, 0x00]));
  t.like(collector.stats, { messages: 10, lines: 0, bad: 9 });
  await deliver('nothing\ngood:1|c');
  await close();
  t.is(read(), 'nothing\ngood:1|c\n');
});

test('batches are written when they are full, in their order, whatever the sizes', async (t) => {
  const { collector, deliver, close, read } = await collect(t, { batch: 65_536, memory: 2 ** 20 });
  const next = random(3);
  let sent = '';
  for (let i = 0; i < 300; i++) {
    const lines = Array.from({ length: 1 + next(100) }, (_, j) => `name-${next(50)}:${i * j}|c`);
    const message = `${lines.join('\n')}\n`;
    sent += message;
    await deliver(message);
  }
  await until(() => collector.stats.written > 65_536); // the disk may be slow
  t.true(collector.stats.written < sent.length);
  await close();
  t.is(read(), sent);
  t.like(collector.stats, { written: sent.length, dropped: 0, lost: 0 });
});

test('while the disk stands still, memory is bounded and lines are dropped', async (t) => {
  const gates = [];
  const files = {
    open: async () => ({
      appendFile: () => new Promise((resolve, reject) => gates.push({ resolve, reject })),
      close: async () => {},
    }),
  };
  const memory = 4 * 65_536;
  const { collector, deliver, close } = await collect(t, { batch: 65_536, memory, files });
  const message = 'some-name:1|c\n'.repeat(2000);
  for (let i = 0; i < 40; i++) await deliver(message);
  t.true(collector.stats.dropped > 20 * message.length);
  t.true(collector.stats.memory.used <= memory);
  t.is(collector.stats.written, 0);
  t.is(collector.stats.lines, 80_000, 'they are counted all the same');
  const closed = close();
  gates[0].reject(new Error('the disk is full'));
  for (
    let i = 1;
    collector.stats.written + collector.stats.lost + collector.stats.dropped < 40 * message.length;
    i++
  ) {
    await until(() => gates.length > i);
    gates[i].resolve();
    await new Promise(setImmediate);
  }
  await closed;
  const { written, dropped, lost } = collector.stats;
  t.true(lost > 0 && written > 0);
  t.is(written + dropped + lost, 40 * message.length);
});

posixTest('as a program: it collects until it is told to end', async (t) => {
  const file = path.join(folder(t), 'lines');
  const { code, stdout } = await run(
    t,
    program,
    [file, '--port', '0', '--flush', '10'],
    async (port, child) => {
      const send = sender(t, port);
      await send('hits:3|c\nquery:5|ms');
      await send('junk');
      await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').length > 0);
      child.kill('SIGTERM');
    },
  );
  t.is(code, 0);
  t.deepEqual(stdout.split('\n').slice(1), [
    'hits (c): 3',
    'query (ms): 1 times, 5 to 5, sum 5',
    '2 messages, 2 lines, 1 bad',
    '20 bytes written, 0 dropped, 0 lost',
    '',
  ]);
  for (const args of [[], [file, '--port', 'x'], [file, '--batch', '10'], [file, 'more']]) {
    t.is((await run(t, program, args)).code, 2, args.join(' '));
  }
  t.is((await run(t, program, [path.join(file, 'none'), '--port', '0'])).code, 1);
});
