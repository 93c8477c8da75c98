'use strict';
// tier: run-time

// Dead Buffers that are used as if they lived: an error that says how each died, where a copy would have been empty. Buffers
// without bytes are no mistake.

const test = require('ava');
const { Readable } = require('node:stream');
const { Arena, Region, Slab, requestArena } = require('../..');
const { Exchange } = require('../helpers/exchange.js');
const { steal } = require('../helpers/theft.js');
const { run } = require('../helpers/child.js');

const code = 'ERR_RALLOC_DEAD_BUFFER';
const ADVICE = '. Use it before that, or take copyOut(buffer) in time';
const UNKNOWN =
  'its arena was reset or closed, its scope or response is over, or its ArrayBuffer was transferred away';

/** What takes a Buffer, and what it calls it. */
const uses = {
  copyOut: ['buffer', (arena, dead) => arena.copyOut(dead)],
  from: ['value', (arena, dead) => arena.from(dead)],
  'from of its ArrayBuffer': ['value', (arena, dead) => arena.from(dead.buffer)],
  concat: ['list[1]', (arena, dead) => arena.concat([Buffer.from('head'), dead])],
  'concat with a length': ['list[0]', (arena, dead) => arena.concat([dead], 10)],
  'alloc to be filled with it': ['fill', (arena, dead) => arena.alloc(10, dead)],
};

/** Ways to die, each with a Buffer that has. */
const deaths = {
  'its arena was reset': (arena) => {
    const buffer = arena.from('precious');
    arena.reset();
    return buffer;
  },
  'its arena was rewound to a checkpoint from before it': (arena) => {
    const checkpoint = arena.checkpoint();
    const buffer = arena.from('precious');
    arena.rewind(checkpoint);
    return buffer;
  },
  'its scope has ended': (arena) => {
    let buffer;
    arena.scope((inner) => {
      buffer = inner.from('precious');
    });
    return buffer;
  },
  'its arena was closed': () => {
    const other = new Arena({ guard: true });
    const buffer = other.from('precious');
    other.close();
    return buffer;
  },
  'its ArrayBuffer was transferred away': (arena) => {
    const buffer = arena.from('precious');
    steal(buffer);
    return buffer;
  },
};

for (const [how, die] of Object.entries(deaths)) {
  test(`with the guard an error says that ${how}`, (t) => {
    const arena = new Arena({ guard: true });
    for (const [name, use] of Object.values(uses)) {
      const dead = die(arena);
      arena.from('something else').fill(1);
      const { allocated } = arena.stats();
      const message = `The "${name}" argument is dead: ${how}${ADVICE}`;
      t.throws(() => use(arena, dead), { code, message });
      t.is(arena.stats().allocated, allocated, 'nothing has changed');
    }
    arena.close();
  });

  test(`without the guard an error says what it may be where ${how}`, (t) => {
    const arena = new Arena();
    const dead = die(arena);
    for (const [name, use] of Object.values(uses)) {
      const error = t.throws(() => use(arena, dead), { code });
      t.true(error.message.startsWith(`The "${name}" argument is dead: `));
    }
    arena.close();
  });
}

test('many resets later an error still says how the Buffer died', (t) => {
  const arena = new Arena({ guard: true });
  const checkpoint = arena.checkpoint();
  const dead = arena.from('precious');
  arena.rewind(checkpoint);
  for (let i = 0; i < 10; i++) {
    arena.alloc(100_000);
    arena.reset();
  }
  const message = `The "value" argument is dead: its arena was rewound to a checkpoint from before it${ADVICE}`;
  t.throws(() => arena.from(dead), { code, message });
});

test('a Buffer of a request, kept past its response', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  const kept = arena.from('precious');
  const scoped = arena.scope((inner) => [inner.from('of a scope')])[0];
  await exchange.finish();
  const response = `is dead: its response is over${ADVICE}`;
  const next = new Exchange().begin(arenas);
  t.throws(() => next.from(kept), { code, message: `The "value" argument ${response}` });
  t.throws(() => arena.copyOut(kept), { code, message: `The "buffer" argument ${response}` });
  t.throws(() => next.concat([kept]), { code, message: `The "list[0]" argument ${response}` });
  const message = `The "value" argument is dead: its scope has ended${ADVICE}`;
  t.throws(() => next.from(scoped), { code, message });
});

test('a reset of a request after a response in the same memory is told as a reset', async (t) => {
  const arenas = requestArena();
  const first = new Exchange();
  first.begin(arenas).alloc(10);
  await first.finish();
  const arena = new Exchange().begin(arenas);
  const kept = arena.alloc(10);
  arena.reset();
  const message = `The "buffer" argument is dead: its arena was reset${ADVICE}`;
  t.throws(() => arena.copyOut(kept), { code, message });
});

test('a hold that is released later: how it died is what ended its time', (t) => {
  const arena = new Arena({ guard: true });
  const kept = arena.from('precious');
  const hold = arena.hold();
  arena.reset();
  t.is(arena.copyOut(kept).toString(), 'precious');
  hold.release();
  const message = `The "buffer" argument is dead: its arena was reset${ADVICE}`;
  t.throws(() => arena.copyOut(kept), { code, message });
});

test('a Buffer of a slab that was closed by force', (t) => {
  const arena = new Arena();
  for (const guard of [true, false]) {
    const slab = new Slab({ sizes: [64], count: 1, guard });
    const dead = slab.alloc(10);
    slab.close({ force: true });
    const how = guard ? 'its slab was closed' : UNKNOWN;
    t.throws(() => arena.from(dead), {
      code,
      message: `The "value" argument is dead: ${how}${ADVICE}`,
    });
  }
});

test('memory that is not of ralloc is dead too, once it is detached', (t) => {
  const arena = new Arena();
  const floats = new Float64Array(4);
  const { buffer } = floats;
  structuredClone(buffer, { transfer: [buffer] });
  for (const dead of [floats, new Proxy([floats], {})[0], buffer]) {
    const message = `The "value" argument is dead: ${UNKNOWN}${ADVICE}`;
    t.throws(() => arena.from(dead), { code, message });
  }
});

test('what is empty and lives is copied as before', (t) => {
  const arena = new Arena({ guard: true });
  const empties = [Buffer.alloc(0), arena.alloc(0), arena.alloc(8).subarray(8), Buffer.from('')];
  for (const empty of empties) {
    t.is(arena.from(empty).length, 0);
    t.is(arena.copyOut(empty).length, 0);
    t.is(arena.concat([empty, Buffer.from('abc'), empty]).toString(), 'abc');
  }
  for (const empty of [new ArrayBuffer(0), new SharedArrayBuffer(0), new Float32Array(0), []]) {
    t.is(arena.from(empty).length, 0);
  }
  t.is(arena.copyOut(new DataView(new ArrayBuffer(0))).length, 0);
});

// Buffers of slabs and regions that were freed or sent: their bytes may be somebody else's, with the guard and without.

const DEAD = { code };
const SIZE = 64;
const slabOf = (options) => new Slab({ sizes: [SIZE], count: 4, ...options });

const freed = (one) => {
  const buffer = one.alloc(SIZE, 'a');
  one.free(buffer);
  return buffer;
};
const ends = {
  'freed, of a region': (options) => freed(new Region(options)),
  'freed, of a region with autoFree': (options) =>
    freed(new Region({ ...options, autoFree: true })),
  'freed, of a slab': (options) => freed(slabOf(options)),
  'freed, of a slab that recycles': (options) => freed(slabOf({ ...options, safety: 'recycle' })),
  'sent, of a slab'(options) {
    const slab = slabOf(options);
    const buffer = slab.alloc(SIZE, 'a');
    slab.receive(slab.send(buffer));
    return buffer;
  },
};

const makers = [() => new Arena(), () => slabOf(), () => new Region()];
const fills = {
  alloc: (one, dead) => one.alloc(SIZE, dead),
  tryAlloc: (one, dead) => one.tryAlloc?.(SIZE, dead) ?? one.alloc(SIZE, dead),
};

/** What an allocator has handed out. */
const counts = (one) => {
  const { used, held, pools } = one.stats();
  return { used, held, pools: pools?.map((pool) => pool.held) };
};

for (const [how, end] of Object.entries(ends)) {
  const told = /^freed/.test(how) ? /it was freed/ : /it was sent/;

  test(`what reads bytes refuses a Buffer that was ${how}, and has allocated nothing`, async (t) => {
    for (const guard of [true, false]) {
      const tries = makers.flatMap((make) => Object.entries(fills).map((fill) => [make(), fill]));
      for (const [one, [name, read]] of [
        ...tries,
        ...Object.entries(uses).map(([name, [, use]]) => [new Arena(), [name, use]]),
        [new Arena(), ['adopt', (arena, dead) => arena.adopt(dead)]],
      ]) {
        if (name === 'from of its ArrayBuffer') continue; // which others share
        one.alloc(1);
        const before = counts(one);
        t.regex(t.throws(() => read(one, end({ guard })), DEAD, name).message, told);
        t.deepEqual(counts(one), before);
      }
      const source = new Readable({ read() {} });
      const reading = new Arena().collect(source, { limit: 1000 });
      source.emit('data', end({ guard }));
      t.regex((await t.throwsAsync(reading, DEAD)).message, told);
    }
  });
}

test('a Buffer that is not freed is read, and one that was allocated in its place', (t) => {
  const region = new Region();
  for (const one of [region, slabOf()]) {
    one.free(one.alloc(SIZE, 'a'));
    const alive = one.alloc(SIZE, 'b');
    t.is(new Arena().from(alive).toString(), 'b'.repeat(SIZE));
    t.is(new Arena().copyOut(alive).toString(), 'b'.repeat(SIZE));
    t.is(region.alloc(2, alive).toString(), 'bb');
  }
});

// A hold that nobody releases is told of: whose it is, how many there were, and in debug mode where it was taken.

const message =
  "a hold of the arena 'frames' was not released within 0.02 s; its memory now waits for the garbage collector. RALLOC_DEBUG=full shows where it was taken";

test('without debug mode the warning names the arena, and a counter goes up', async (t) => {
  const { result } = await run('base/hold-forgotten.js', { env: { RALLOC_DEBUG: 'off' } });
  const expected = [{ code: 'RALLOC_HOLD_EXPIRED', message }];
  t.deepEqual(result, { warnings: expected, expired: { holds: 1, operations: 0 } });
});

test('RALLOC_DEBUG=full: the warning has the stack of the hold that is open', async (t) => {
  const { result } = await run('base/hold-forgotten.js', { env: { RALLOC_DEBUG: 'full' } });
  const [{ code, message }] = result.warnings;
  t.is(result.warnings.length, 1);
  t.is(code, 'RALLOC_W_HOLD_LEAKED');
  t.regex(message, /^a hold of the arena 'frames' is not released after \d+ ms\n/);
  t.regex(message, /held at\n {4}at forgetsItsHold \(.*hold-forgotten\.js:13:/);
  t.deepEqual(result.expired, { holds: 1, operations: 0 });
});
