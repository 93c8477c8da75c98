'use strict';
// tier: run-time, differs

const fs = require('node:fs');

const { read } = fs; // from before the guard

const test = require('ava').serial;
const { Region, Slab, verify } = require('../../lib/index.js');
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

test('what is freed is told as no leak where the stack has ended in a call of it', async (t) => {
  const { result, stderr } = await run('slab/cut-off.js', {
    args: ['stack', 'checked', 'own', 'alloc', 'free'],
    execArgv: ['--stack-size=200'],
    env: { RALLOC_DEBUG: 'full' },
  });
  t.true(result.alloc.cuts > 0 && result.free.cuts > 0);
  t.notRegex(stderr, /RALLOC_W_LEAK/);
});

const GUARD = require.resolve('../../lib/node/guard/index.js');

test('an early free that would corrupt without debug mode is told, though debug mode has the guard', async (t) => {
  const ran = (...execArgv) =>
    run('debug/early-free.js', { execArgv, env: { RALLOC_DEBUG: 'full' } });
  const { code, stderr } = await ran();
  t.is(code, 0);
  t.regex(stderr, /RALLOC_W_IN_FLIGHT.* of the slab 'default' ended while .* used it/);
  for (const line of [10, 12]) t.true(stderr.includes(`early-free.js:${line}`), `${line}`);
  t.is((await ran('--require', GUARD)).stderr, '', 'the program has the guard of its own');
});
