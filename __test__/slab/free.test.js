'use strict';
// tier: run-time

// A free that is wrong is a typed error that says how, and changes nothing but the count of such frees.

const test = require('ava');
const { Arena, Slab } = require('../..');
const { addsUp } = require('../helpers/slab.js');
const { modes } = require('../helpers/slab-kinds.js');
const { run } = require('../helpers/child.js');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { turns } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const DOUBLE = { code: 'ERR_RALLOC_DOUBLE_FREE' };
const FOREIGN = { code: 'ERR_RALLOC_FOREIGN_BUFFER' };

/** `act` throws, one free more is counted as refused, and nothing else has changed. */
function refused(t, slab, act, expected) {
  const before = slab.stats();
  const error = t.throws(act, expected);
  const after = slab.stats();
  t.is(after.refused, before.refused + 1, error.message);
  const slots = ({ pools }) => pools.map(({ refused, ...rest }) => rest);
  t.deepEqual(slots(after), slots(before));
  addsUp(t, slab);
  return error;
}

for (const { title, make: makeKind } of modes) {
  const make = () => makeKind({ sizes: [64, 1024], count: 4 });

  test(`${title}: a Buffer is freed once`, (t) => {
    const slab = make();
    const buffer = slab.alloc(10);
    slab.free(buffer);
    const message =
      'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed';
    refused(t, slab, () => slab.free(buffer), { ...DOUBLE, message });
    for (let i = 0; i < 20; i++) t.throws(() => slab.free(buffer), DOUBLE);
    t.is(new Set([1, 2, 3, 4].map(() => slab.alloc(64).byteOffset)).size, 4, 'no slot twice');
    const sent = slab.alloc(100);
    slab.send(sent);
    const told = 'The Buffer was sent. The thread that receives it frees it';
    refused(t, slab, () => slab.free(sent), { ...DOUBLE, message: told });
    slab.close({ force: true });
  });

  test(`${title}: an old reference frees nobody else's Buffer of another length`, (t) => {
    const slab = make();
    const old = slab.alloc(10);
    slab.free(old);
    const others = [11, 12, 13, 14].map((size) => slab.alloc(size));
    refused(t, slab, () => slab.free(old), DOUBLE);
    t.true(others.every((buffer) => slab.owns(buffer)));
    slab.close({ force: true });
  });

  test(`${title}: a view of a slab's Buffer is not it`, (t) => {
    const slab = make();
    const buffer = slab.alloc(64);
    const views = [
      buffer.subarray(),
      buffer.subarray(1),
      buffer.slice(0, 8),
      Buffer.from(buffer.buffer, buffer.byteOffset, 64),
      new Uint8Array(buffer.buffer, buffer.byteOffset, 64),
      new DataView(buffer.buffer, buffer.byteOffset, 64),
    ];
    const message = 'The Buffer is a view of a slab Buffer. Free the Buffer that alloc() returned';
    for (const view of views) {
      refused(t, slab, () => slab.free(view), { ...FOREIGN, message });
      t.false(slab.owns(view));
    }
    slab.free(buffer);
    slab.close();
  });

  test(`${title}: a Buffer of another slab, or of none, is foreign`, (t) => {
    const [slab, other] = [make(), make()];
    const theirs = other.alloc(10);
    const isOther = { ...FOREIGN, message: 'The Buffer belongs to another slab' };
    refused(t, slab, () => slab.free(theirs), isOther);
    t.true(other.owns(theirs));
    const ofArena = new Arena().alloc(10);
    const isNone = { ...FOREIGN, message: 'The Buffer does not belong to a slab' };
    for (const buffer of [Buffer.alloc(64), ofArena, new Uint8Array(8), new Float64Array(1)]) {
      refused(t, slab, () => slab.free(buffer), isNone);
    }
    for (const buffer of [theirs, Buffer.alloc(8)]) {
      t.throws(() => slab.send(buffer), FOREIGN);
      t.false(slab.owns(buffer));
    }
    other.free(theirs);
    slab.close();
    other.close();
  });

  test(`${title}: what is no Buffer is a TypeError, and null is nothing to free`, (t) => {
    const slab = make();
    const buffer = slab.alloc(10);
    const values = [
      0,
      1,
      '',
      'buffer',
      true,
      8n,
      Symbol('b'),
      {},
      [],
      () => {},
      new ArrayBuffer(8),
    ];
    values.push(new Proxy(buffer, {}), Object.create(buffer), Object(8));
    for (const [i, value] of values.entries()) {
      for (const act of [() => slab.free(value), () => slab.send(value)]) {
        const error = t.throws(act, { code: 'ERR_RALLOC_INVALID_ARGUMENT' }, `value ${i}`);
        t.is(error.constructor, TypeError);
        t.regex(error.message, /^The "buffer" argument must be an instance of Buffer\. Received /);
      }
      t.false(slab.owns(value));
    }
    t.is(slab.free(null), undefined);
    t.is(slab.free(undefined), undefined);
    t.is(slab.free(), undefined);
    t.throws(() => slab.send(null), { instanceOf: TypeError });
    t.is(slab.stats().refused, 0);
    slab.free(buffer);
    slab.close();
  });
}

test('a method on what is no slab is a TypeError', (t) => {
  for (const method of ['alloc', 'free', 'use', 'stats', 'close', 'handle', 'send']) {
    t.throws(() => Slab.prototype[method].call({}, 1, () => {}), { instanceOf: TypeError });
  }
  const slab = new Slab({ sizes: [64], count: 1 });
  const dispose = slab.alloc(8)[Symbol.dispose];
  t.throws(() => dispose.call(Buffer.alloc(8)), { instanceOf: TypeError });
  slab.close({ force: true });
});

test('millions of recycled pairs leave the garbage collector nothing to do', async (t) => {
  const { code, stderr, result } = await run('slab/gc.js');
  t.is(code, 0, stderr);
  const { recycle, allocUnsafe } = result;
  t.log(JSON.stringify(result));
  t.true(allocUnsafe.minor > 30);
  t.is(recycle.major, 0);
  t.true(recycle.minor <= allocUnsafe.minor / 30);
});

const makers = {
  'of one thread': (Slab, options) => new Slab(options),
  attached: (Slab, { sizes, count, ...own }) =>
    Slab.attach(new Slab({ sizes, count }).handle(), own),
};

for (const { kind, safety } of modes.filter((mode) => makers[mode.kind] !== undefined)) {
  test(`${safety}, ${kind}: Buffers that nobody frees are warned of, once for each pool`, async (t) => {
    const { Slab } = fresh('slab/slab.js');
    const clock = new Clock();
    const warnings = warned(t, undefined, `${safety}, ${kind}`);
    const make = (name, warnAfterMs) => {
      const own = { safety, name: `${name} ${safety}, ${kind}`, warnAfterMs };
      return clock.use(() => makers[kind](Slab, { sizes: [64, 1024], count: 20, ...own }));
    };
    const [slab, busy, silent] = [make('leaky', 80), make('busy', 80), make('silent')];
    silent.alloc(10);
    const stuck = [slab.alloc(10), slab.alloc(20), slab.alloc(30)];
    slab.free(slab.receive(slab.send(slab.alloc(10))));
    busy.send(busy.alloc(10)); // held by nobody
    let turn = busy.alloc(10);
    for (let ms = 0; ms < 250; ms += 10) {
      clock.pass(10);
      await turns(1); // where warnings are heard of
      if (ms < 70) t.deepEqual(warnings, [], 'nothing before it is due');
      const next = busy.alloc(10);
      busy.free(turn);
      turn = next;
      if (ms === 100) stuck.push(slab.receive(slab.send(slab.alloc(1000))));
    }
    t.is(slab.stats().held, stuck.length);
    t.deepEqual(
      warnings.map(({ code }) => code),
      ['RALLOC_SLOT_STUCK', 'RALLOC_SLOT_STUCK'],
    );
    const [small, large] = warnings.map(({ message }) => message);
    t.regex(small, /^3 Buffers of 64 bytes of the slab 'leaky .+ are held, the first for \d+ ms/);
    t.regex(large, /^1 Buffer of 1024 bytes of the slab 'leaky .+ is held, the first for \d+ ms/);
    for (const message of [small, large]) t.true(Number(/for (\d+) ms/.exec(message)[1]) >= 80);
    for (const one of [slab, busy, silent]) one.close({ force: true });
    clock.pass(100);
    await turns(1);
    t.is(warnings.length, 2);
  });
}
