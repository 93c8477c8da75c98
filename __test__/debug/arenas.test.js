'use strict';
// tier: run-time

const { randomFillSync } = require('node:crypto');
const fs = require('node:fs');
const test = require('ava').serial;
const { ownerOf } = require('../../lib/arena/arena.js');
const { tellWaiting } = require('../../lib/debug/report.js');
const { Arena, configureDebug, verify } = require('../../lib/index.js');
const { Clock } = require('../helpers/clock.js');
const { kinds, lineAbove, lineOf, watched } = require('../helpers/debug.js');

test('a Buffer that lives is like any other', (t) => {
  const reports = watched(t);
  const arena = new Arena({ name: 'frames' });
  const buffer = arena.from('four');
  const plain = Buffer.from('four');
  t.deepEqual(buffer, plain);
  t.is(Object.getPrototypeOf(buffer), Buffer.prototype);
  t.true(buffer.equals(plain) && plain.equals(buffer) && Buffer.isBuffer(buffer));
  t.true(arena.owns(buffer));
  t.is(arena.stats().adopted, 4, 'charged with its own bytes');
  t.deepEqual([...arena.alloc(3)], [0, 0, 0]);
  t.deepEqual([...arena.allocUnsafe(3)], [0xad, 0xad, 0xad]);
  t.deepEqual([...arena.alloc(4, 'ab')], [...Buffer.from('abab')]);
  t.is(`${arena.concat([buffer, plain])}`, 'fourfour');
  t.is(`${arena.from('Zm91cg==', 'base64')}`, 'four');
  t.is(arena.alloc(0).length, 0);
  arena.close();
  t.deepEqual(reports, []);
});

test('a Buffer that an interrupted call leaves to V8 keeps its bytes, and nothing is told of it', (t) => {
  const reports = watched(t);
  const arena = new Arena();
  const buffer = arena.from('kept');
  ownerOf(arena).pool.isBusy = true; // as where the stack ended
  arena.from('next');
  arena.reset();
  t.is(`${buffer}`, 'kept');
  t.like(arena.stats(), { interrupted: 1, adopted: 0 });
  arena.close();
  t.deepEqual(reports, []);
});

/** How a Buffer ends. */
const ends = {
  reset(arena) {
    const buffer = arena.from('ended');
    arena.reset();
    return buffer;
  },
  close(arena) {
    const buffer = arena.from('ended');
    arena.close();
    return buffer;
  },
  rewind(arena) {
    const checkpoint = arena.checkpoint();
    const buffer = arena.from('ended');
    arena.rewind(checkpoint);
    return buffer;
  },
  scope: (arena) => arena.scope((inner) => ({ buffer: inner.from('ended') })).buffer,
};

// The catalogue has the three places of each: catalogue.test.js.
for (const [how, end] of Object.entries(ends)) {
  test(`a use after a ${how} tells of that, and what is left lives`, (t) => {
    const reports = watched(t);
    const arena = new Arena();
    const before = arena.from('before');
    t.is(`${end(arena)}`, '');
    t.like(reports, [{ kind: 'use-after-reset', how, size: 5 }]);
    t.is(`${before}`, ['rewind', 'scope'].includes(how) ? 'before' : '');
  });
}

test('a subarray tells of itself, and so does a function of Node that is given it', (t) => {
  const reports = watched(t);
  const arena = new Arena();
  const part = arena.alloc(16).subarray(4).slice(2);
  arena.reset();
  try {
    Buffer.concat([Buffer.from('a'), part]); // throws on some versions of Node
  } catch {}
  t.throws(() => part.readUInt8(0), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
  fs.writeSync(2, part, 0, 0);
  t.deepEqual(
    reports.map(({ use }) => use),
    ['Buffer.concat()', 'buffer.readUInt8()', 'fs.writeSync()'],
  );
});

test('the error that a use throws has the report as its cause', (t) => {
  watched(t);
  const arena = new Arena({ name: 'frames' });
  const buffer = arena.alloc(16);
  arena.reset();
  const error = t.throws(() => buffer.writeUInt32BE(1));
  t.is(error.cause.code, 'RALLOC_W_USE_AFTER_RESET');
  t.regex(error.cause.message, /the arena 'frames'[\s\S]+allocated at[\s\S]+arenas\.test\.js/);
  const own = t.throws(() => arena.from(buffer), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  t.is(own.cause.code, 'RALLOC_W_USE_AFTER_RESET');
});

test('what is held lives until the hold is released', (t) => {
  const reports = watched(t);
  const arena = new Arena();
  const buffer = arena.from('held');
  const hold = arena.hold();
  arena.reset();
  t.is(`${buffer}`, 'held');
  t.deepEqual(reports, []);
  hold.release();
  t.is(`${buffer}`, '');
  t.deepEqual(kinds(reports), ['use-after-reset']);
});

test("an arena with safety 'gc' has Buffers that live on", (t) => {
  const reports = watched(t);
  const arena = new Arena({ safety: 'gc' });
  const buffers = [arena.from('lives'), arena.adopt(Buffer.from('lives, too, and longer'))];
  arena.reset();
  t.deepEqual(buffers.map(String), ['lives', 'lives, too, and longer']);
  t.deepEqual(kinds(reports), []);
});

for (const wipe of [false, true]) {
  test(`bytes past a Buffer that native code wrote are told at its end, or by verify(), with wipe: ${wipe}`, (t) => {
    const reports = watched(t);
    const arena = new Arena({ wipe });
    const first = arena.alloc(10);
    const second = arena.alloc(10);
    randomFillSync(new Uint8Array(first.buffer, first.byteOffset, 12).fill(0xfb), 0, 12);
    t.is(verify(), 1);
    t.is(verify(), 0, 'told once');
    randomFillSync(new Uint8Array(second.buffer, second.byteOffset - 4, 4));
    arena.reset();
    t.deepEqual(kinds(reports), ['overrun', 'overrun']);
    t.regex(reports[0].message, /bytes? past its end/);
    t.regex(reports[1].message, /before its begin/);
  });
}

test('sample watches some, and leaves the others where they would be', (t) => {
  watched(t, { level: 'sample', sampleEvery: 16 });
  const arena = new Arena();
  let found = 0;
  for (let i = 0; i < 1000; i++) {
    const buffer = arena.allocUnsafe(8);
    if (buffer.buffer.byteLength < 100) found++;
    if (i % 100 === 99) arena.reset();
  }
  t.true(found >= 15 && found < 200, `${found} of 1000`);
});

test('another rate holds for the next allocation', (t) => {
  watched(t, { level: 'sample', sampleEvery: 1_000_000 });
  configureDebug({ sampleEvery: 1 });
  t.true(new Arena().allocUnsafe(8).buffer.byteLength < 100);
});

test('off gives the methods back', (t) => {
  const { prototype } = Arena;
  const before = [prototype.allocUnsafe, Buffer.concat, Buffer.prototype.subarray];
  const reports = watched(t);
  t.not(prototype.allocUnsafe, before[0]);
  t.is(prototype.allocUnsafe.name, 'allocUnsafe');
  const arena = new Arena();
  const buffer = arena.alloc(8);
  configureDebug({ level: 'off' });
  t.deepEqual([prototype.allocUnsafe, Buffer.concat, Buffer.prototype.subarray], before);
  arena.reset();
  buffer.toString();
  t.deepEqual(kinds(reports), ['use-after-reset'], 'what was watched before still is');
});

test('where the arena is full a Buffer is like those without debug', (t) => {
  const reports = watched(t);
  const arena = new Arena({ maxBytes: 64 * 1024 });
  t.is(arena.alloc(60 * 1024).length, 60 * 1024);
  t.throws(() => arena.alloc(8 * 1024), { code: 'ERR_RALLOC_LIMIT' });
  arena.reset();
  t.is(arena.alloc(64 * 1024).length, 64 * 1024);
  t.deepEqual(reports, []);
});

test('whatever has called the same two lines, it is the same cause', (t) => {
  const told = [];
  const reports = watched(t, { report: (one) => told.push(one) });
  const take = (arena) => arena.alloc(8);
  const near = (arena) => take(arena);
  const arena = new Arena();
  const callers = [near, (one) => near(one), (one) => [near(one)].at(0)];
  const buffers = callers.map((call) => call(arena));
  arena.reset();
  for (const buffer of buffers) buffer.toString();
  t.is(kinds(reports).length, 3);
  t.is(told.length, 1);
  t.is(told[0].count, 3);
});

// Holds that are not released within "holdMs": memory waits for them no longer, and each is told once, by the line that took it.

const HOLD_MS = 1000;

/** An arena in time of its own. */
function holding(t) {
  const clock = new Clock();
  const reports = watched(t);
  const arena = clock.use(() => new Arena({ holdMs: HOLD_MS, name: 'held' }));
  const reset = () => {
    arena.alloc(100);
    arena.reset();
  };
  const rewind = () => {
    const checkpoint = arena.checkpoint();
    arena.alloc(100);
    arena.rewind(checkpoint);
  };
  return {
    arena,
    inTime: clock.use.bind(clock),
    reset: () => clock.use(reset),
    rewind: () => clock.use(rewind),
    pass: (ms) => clock.pass(ms),
    /** `[kind, count, line]` of what came since the last call. */
    told() {
      clock.use(tellWaiting);
      return reports.splice(0).map((one) => [one.kind, one.count, lineOf(one.operation)]);
    },
  };
}

for (const how of ['reset', 'rewind']) {
  test(`${how}: of those that were there, those that are not released are told`, (t) => {
    const { arena, inTime, pass, told, [how]: end } = holding(t);
    const released = inTime(() => arena.hold());
    inTime(() => arena.hold());
    const forgotten = lineAbove();
    released.release();
    end();
    pass(HOLD_MS / 2);
    inTime(() => arena.hold()); // has its own time
    t.deepEqual(told(), []);
    pass(HOLD_MS / 2);
    t.deepEqual(told(), [['hold-leaked', 1, forgotten]]);
    inTime(() => arena.close());
  });

  test(`${how}: each is told once, and those that come behind it too`, (t) => {
    const { arena, inTime, pass, told, [how]: end } = holding(t);
    inTime(() => arena.hold());
    const first = lineAbove();
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), [['hold-leaked', 1, first]]);
    inTime(() => arena.hold());
    const second = lineAbove();
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), [['hold-leaked', 1, second]]);
    end();
    pass(HOLD_MS);
    t.deepEqual(told(), []);
    inTime(() => arena.close());
  });
}
