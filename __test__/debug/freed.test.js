'use strict';
// tier: run-time, differs

const fs = require('node:fs');

const { read } = fs; // from before the guard

const { once } = require('node:events');
const { MessageChannel } = require('node:worker_threads');
const test = require('ava').serial;
const { Region, Slab, verify } = require('../../lib/index.js');
const { nativeTest } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { kinds, lineAbove, lineOf, watched } = require('../helpers/debug.js');
const { Fifo } = require('../helpers/fifo.js');

const makers = {
  slab: (options) => new Slab({ sizes: [64, 4096], count: 64, name: 'messages', ...options }),
  'slab that recycles': (options) =>
    new Slab({ sizes: [64, 4096], count: 64, safety: 'recycle', name: 'messages', ...options }),
  region: (options) => new Region({ name: 'messages', ...options }),
};

for (const [kind, make] of Object.entries(makers)) {
  test(`${kind}: a Buffer is counted, filled and freed as all others`, (t) => {
    const reports = watched(t);
    const owner = make();
    t.deepEqual([...owner.allocUnsafe(2)], [0xad, 0xad]);
    const buffer = owner.alloc(50);
    t.true(buffer.every((byte) => byte === 0));
    t.deepEqual([...owner.alloc(4, 'ab')], [...Buffer.from('abab')]);
    t.true(owner.owns(buffer));
    owner.free(buffer);
    t.false(owner.owns(buffer));
    t.is(buffer.length, 0);
    const { inUse } = t.throws(() => owner.close(), { code: 'ERR_RALLOC_IN_USE' });
    t.is(inUse, 2);
    owner.close({ force: true });
    t.deepEqual(reports, []);
  });

  test(`${kind}: a use after free is told with three places`, (t) => {
    const reports = watched(t);
    const owner = make();
    const buffer = owner.alloc(16);
    const allocated = lineAbove();
    owner.free(buffer);
    const freed = lineAbove();
    buffer.equals(Buffer.alloc(16));
    const used = lineAbove();
    const [report] = reports;
    t.deepEqual(kinds(reports), ['use-after-free']);
    const lines = [report.allocated, report.ended, report.used].map(lineOf);
    t.deepEqual(lines, [allocated, freed, used]);
    t.regex(report.message, /'messages'/);
  });

  test(`${kind}: the second free is told with the first`, (t) => {
    const reports = watched(t);
    const owner = make();
    const buffer = owner.alloc(16);
    owner.free(buffer);
    const freed = lineAbove();
    const error = t.throws(() => owner.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.deepEqual(kinds(reports), ['double-free']);
    t.is(lineOf(reports[0].ended), freed);
    t.is(error.cause.code, 'RALLOC_W_DOUBLE_FREE');
  });

  test(`${kind}: what is in flight at the free is told, and hurts nobody`, async (t) => {
    const reports = watched(t);
    const owner = make({ guard: false });
    const fifo = new Fifo();
    t.teardown(() => fifo.close());
    const buffer = owner.alloc(16);
    const done = new Promise((resolve) => fs.read(fifo.fd, buffer, 0, 16, null, resolve));
    owner.free(buffer);
    const next = owner.alloc(16);
    fifo.write('sixteen bytes...');
    await done;
    t.true(next.every((byte) => byte === 0));
    verify();
    t.deepEqual(kinds(reports), ['in-flight']);
  });

  test(`${kind}: what code writes to a freed Buffer that nobody sees is found afterwards`, async (t) => {
    const reports = watched(t);
    const owner = make({ guard: false });
    const fifo = new Fifo();
    t.teardown(() => fifo.close());
    const buffer = owner.alloc(16);
    const allocated = lineAbove();
    const done = new Promise((resolve) => read(fifo.fd, buffer, 4, 8, null, resolve));
    owner.free(buffer);
    const freed = lineAbove();
    fifo.write('8 bytes.');
    await done;
    t.is(verify(), 1);
    t.is(verify(), 0, 'told once');
    t.deepEqual(kinds(reports), ['write-after-free']);
    const [report] = reports;
    t.deepEqual([report.allocated, report.ended].map(lineOf), [allocated, freed]);
    t.regex(report.message, /8 bytes from its byte 4 on, now 38 20 62/);
  });

  test(`${kind}: an overrun is told at the free`, (t) => {
    const reports = watched(t);
    const owner = make();
    const buffer = owner.alloc(16);
    fs.readSync(fs.openSync(__filename), new Uint8Array(buffer.buffer, buffer.byteOffset, 20));
    owner.free(buffer);
    t.deepEqual(kinds(reports), ['overrun']);
    t.regex(reports[0].message, /4 bytes past its end/);
  });

  test(`${kind}: a Buffer in a message is told`, async (t) => {
    const reports = watched(t);
    const owner = make();
    const { port1, port2 } = new MessageChannel();
    const buffer = owner.alloc(16);
    port1.postMessage([{ buffer }]);
    const [message] = await once(port2, 'message');
    t.is(message[0].buffer.length, 16);
    port1.postMessage('no bytes');
    port1.close();
    t.deepEqual(kinds(reports), ['shared']);
    owner.free(buffer);
  });

  test(`${kind}: closing it by force ends its Buffers`, (t) => {
    const reports = watched(t);
    const owner = make();
    const buffer = owner.alloc(16);
    owner.close({ force: true });
    t.is(buffer.length, 0);
    buffer.toString();
    t.deepEqual(kinds(reports), ['use-after-free']);
  });

  test(`${kind}: a view is not freed in the place of its Buffer`, (t) => {
    watched(t);
    const owner = make();
    const buffer = owner.alloc(16);
    const { code, message } = t.throws(() => owner.free(buffer.subarray(1)));
    t.is(code, 'ERR_RALLOC_FOREIGN_BUFFER');
    t.regex(message, /is a view of/);
    owner.free(buffer);
    owner.close();
  });
}

nativeTest(
  'a slab gives what is sent to whoever receives it, with its bytes',
  'threads share no slabs',
  (t) => {
    const reports = watched(t);
    const slab = makers.slab();
    slab.handle();
    const buffer = slab.alloc(16, 'ab');
    const token = slab.send(buffer);
    t.throws(() => slab.free(buffer), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    const received = slab.receive(token);
    t.is(`${received}`, 'abababababababab');
    slab.free(received);
    slab.close();
    t.deepEqual(kinds(reports), ['double-free']);
  },
  test,
);

test('use() frees its Buffer', (t) => {
  const reports = watched(t);
  const slab = makers.slab();
  const kept = slab.use(16, (buffer) => ({ buffer }));
  `${kept.buffer}`;
  slab.close();
  t.deepEqual(kinds(reports), ['use-after-free']);
});

test('what is freed is told as no leak where the stack has ended in a call of it', async (t) => {
  const { result, stderr } = await run('slab/cut-off.js', {
    args: ['stack', 'checked', 'own', 'alloc', 'free'],
    execArgv: ['--stack-size=200'],
    env: { RALLOC_DEBUG: 'full' },
  });
  t.true(result.alloc.cuts > 0 && result.free.cuts > 0);
  t.notRegex(stderr, /RALLOC_W_LEAK/);
});
