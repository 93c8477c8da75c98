'use strict';
// tier: run-time, differs

// The law of memory (ARCHITECTURE.md) where its parts meet: claims and doubt, ends that come twice
// or late, and programs that are called in between. INTERLEAVINGS lists the tests of all its cases,
// which are in several files.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const memory = require('../../lib/memory/native.js');
const { Region, Slab, requestArena } = require('../..');
const { isDead, isStamped, stamp } = require('../helpers/bytes.js');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { Exchange, beginRouted } = require('../helpers/exchange.js');
const { begin, memoryOf, overwrite } = require('../helpers/waiting.js');
const { untilCollected } = require('../helpers/until.js');

const KiB = 1024;

/**
 * Interleaving, file of `__test__/`, and the end of the test's title, or of its case in a table.
 */
const INTERLEAVINGS = `
seen spans, taken by a detach epoch      | request/route   | what 'recycle' left to old Buffers is dead before another route has it
an abort with a claim open               | memory/law      | is in quarantine, whatever has a claim on it
a rewind under a hold                    | arena/hold      | leaves held memory as it is, until the last release
deadlines from waiting                   | arena/hold-time | by default a hold lasts 30 s from the moment that memory waits for it
deadlines of claims that are taken later | arena/hold-time | a hold that is taken while memory waits has all of its time
'gc' changed by a route                  | request/route   | Node's operations are held on a route that leaves 'gc', whose memory nothing marks
claims over several blocks               | memory/law      | a claim on several blocks of a region keeps each of them, and no other
claims over several slots                | slab/guard      | a view of two slots
a dropped part                           | slab/guard      | a slot that a dropped stream had comes back when V8 has collected it
a refill or receive() cut off            | memory/cut-off  | that is cut off loses no slot
a scope's end that is cut off            | memory/cut-off  | a scope whose end is cut off is over by the next reset
a reset cut off, then a reset            | memory/cut-off  | a reset of several spans
adopt() cut off                          | memory/cut-off  | a Buffer whose adopt() is cut off is the arena's, or still the caller's
a release repeated                       | memory/law      | is not ended again, nor one that came after it
a birth cut off                          | memory/cut-off  | that is cut off shows nobody's bytes
a request cut off beside others          | memory/cut-off  | is cut off, others keep their bytes and go on
a release after close()                  | memory/law      | memory that waits when its arenas are closed goes back when its last claim ends
a pool without a tick                    | memory/cut-off  | a reset of nothing but adopted Buffers that is cut off needs no tick
a claim ended twice                      | memory/law      | that is ended twice takes no other claim away
budgets through quarantine               | budget/pools    | what is adopted is charged, and what waits for a collection, until that has come
budgets of windows                       | memory/audit    | what a request is charged for is compared with what it has
budgets of dropped arenas                | budget/pools    | that nobody has any more gives back what it has
user code in a step                      | memory/law      | goes to quarantine, whatever a program does that hears the warning at once
`;

test('each interleaving of the law has its test', (t) => {
  for (const row of INTERLEAVINGS.trim().split('\n')) {
    const [, file, title] = row.split('|').map((cell) => cell.trim());
    const source = fs.readFileSync(path.join(__dirname, '..', `${file}.test.js`), 'utf8');
    const [, ...after] = source.split(title);
    t.true(
      after.some((rest) => /^['"`]/.test(rest)),
      row,
    );
  }
});

for (const [what, statusCode, ending] of [
  ['whose client has gone', 200, 'close'],
  ["that was answered with a server's error", 500, 'finish'],
]) {
  test(`the memory of a request ${what} is in quarantine, whatever has a claim on it`, async (t) => {
    const arenas = requestArena();
    const exchange = new Exchange();
    exchange.res.statusCode = statusCode;
    let buffers = await (async () => {
      const arena = exchange.begin(arenas);
      const own = [1000, 100 * KiB, 200 * KiB].map((size, i) => stamp(arena.allocUnsafe(size), i));
      const hold = arena.hold();
      const done = begin(own[1]);
      await exchange[ending]();
      const { held, quarantined } = arenas.stats().memory;
      t.true(held === 0 && quarantined > 300 * KiB);
      overwrite(new Exchange().begin(arenas));
      hold.release();
      done();
      done();
      t.is(arenas.stats().memory.quarantined, quarantined, 'that a claim ends changes nothing');
      return own;
    })();
    overwrite(new Exchange().begin(arenas));
    t.true(buffers.every(isStamped));
    buffers = null;
    await untilCollected(() => arenas.stats().memory.quarantined === 0);
  });
}

test("what 'recycle' left to old Buffers, and an operation uses, waits for it while another route has other memory", async (t) => {
  const arenas = requestArena();
  const recycle = beginRouted(arenas);
  recycle.toRoute(arenas.route({ safety: 'recycle' }));
  const old = stamp(recycle.arena.alloc(1000), 1);
  await recycle.exchange.finish();
  const done = begin(old);
  const next = new Exchange();
  const arena = next.begin(arenas);
  overwrite(arena);
  t.true(isStamped(old, 1));
  await next.finish();
  overwrite(new Exchange().begin(arenas));
  t.true(isStamped(old, 1));
  done();
  overwrite(new Exchange().begin(arenas));
  t.true(isDead(old), 'before anyone else has it');
  t.like(arenas.stats().memory, { held: 0, quarantined: 0 });
});

test('a claim on several blocks of a region keeps each of them, and no other', (t) => {
  const region = new Region({ guard: true, maxBytes: 128 * KiB, chunkSize: 64 * KiB });
  const blocks = Array.from({ length: 4 }, () => region.alloc(4 * KiB));
  blocks.sort((one, other) => one.byteOffset - other.byteOffset).forEach(stamp);
  const [first, second, third] = blocks;
  const bytes = third.byteOffset - first.byteOffset; // from the midst of the first to that of the third
  const [done, again] = [
    begin(new Uint8Array(first.buffer, first.byteOffset + 100, bytes)),
    begin(second),
  ];
  for (const block of blocks) region.free(block);
  t.is(region.stats().inFlight, 3);
  for (let one = region.tryAlloc(KiB); one !== null; one = region.tryAlloc(KiB)) one.fill(0xff);
  t.true(blocks.slice(0, 3).every(isStamped));
  done();
  t.is(region.stats().inFlight, 1, 'which another one uses too');
  again();
  t.is(region.stats().inFlight, 0);
  region.close({ force: true });
});

test('memory that waits when its arenas are closed goes back when its last claim ends', async (t) => {
  const arenas = requestArena();
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  const buffers = [1000, 100 * KiB].map((size, i) => stamp(arena.allocUnsafe(size), i));
  const adopted = arena.adopt(Buffer.alloc(KiB, 2));
  const hold = arena.hold();
  const done = begin(buffers[1]);
  await exchange.finish();
  await arenas.close();
  t.true(buffers.every(isStamped));
  hold.release();
  t.deepEqual(
    [...buffers, adopted].map(({ length }) => length),
    [0, 100 * KiB, 0],
  );
  done();
  t.true(isDead(buffers[1]));
  t.like(arenas.stats().memory, { held: 0, warm: 0, quarantined: 0, adopted: 0 });
});

for (const how of ['release', 'quarantine', 'steal']) {
  test(`a lease that has ended by ${how}() is not ended again, nor one that came after it`, (t) => {
    const leases = new memory.LeasedArena(1024 * KiB, 64 * KiB, false);
    const registers = new Float64Array(15);
    const lease = () => {
      const ab = leases.lease(1, 64 * KiB, true, registers);
      return [registers[0], registers[1], ab];
    };
    const numbers = () => {
      leases.stats(registers);
      return [...registers];
    };
    const repeat = (id, epoch, ab) => {
      try {
        leases[how](id, epoch, 0, ab);
      } catch (error) {
        t.is(error.code, 'ERR_RALLOC_CORRUPTED');
      }
    };
    const [id, epoch, ab] = lease();
    leases[how](id, epoch, 0, ab);
    const ended = numbers();
    repeat(id, epoch, ab);
    t.deepEqual(numbers(), ended);
    const next = lease();
    new Uint8Array(next[2]).fill(1);
    const leased = numbers();
    repeat(id, epoch, ab);
    t.deepEqual(numbers(), leased);
    t.true(
      new Uint8Array(next[2]).length === 64 * KiB &&
        new Uint8Array(next[2]).every((byte) => byte === 1),
    );
    leases.release(next[0], next[1], 0, next[2]);
  });
}

const guarded = {
  'a slab': () => new Slab({ sizes: [1024], count: 4, guard: true }),
  'a region': () => new Region({ guard: true }),
};

for (const [name, make] of Object.entries(guarded)) {
  test(`a claim of ${name} that is ended twice takes no other claim away`, (t) => {
    const owner = make();
    const buffer = owner.allocUnsafe(1000);
    const waits = () => owner.stats().inFlight > 0;
    const first = begin(buffer);
    first();
    const second = begin(buffer);
    first();
    owner.free(buffer);
    t.true(waits(), 'the end of the first is stale');
    second();
    t.false(waits());
    owner.close();
  });
}

/**
 * Calls `act`, with `use` in the place of process.emitWarning, which ralloc calls at once: the
 * codes that it got.
 */
function warning(use, act) {
  const { emitWarning } = process;
  const codes = [];
  process.emitWarning = (_text, { code }) => {
    codes.push(code);
    use();
  };
  try {
    act();
  } finally {
    process.emitWarning = emitWarning;
  }
  return codes;
}

/** What a program may do there. */
function useAll(arena) {
  overwrite(arena);
  arena.hold().release();
  arena.reset();
  arena.shrink();
  arena.stats();
}

for (const [what, code, claim] of [
  ['a hold', 'RALLOC_HOLD_EXPIRED', (arena) => arena.hold()],
  ['an operation', 'RALLOC_OPERATION_LONG', (_arena, buffer) => ({ release: begin(buffer) })],
]) {
  test(`memory for which ${what} expires goes to quarantine, whatever a program does that hears the warning at once`, (t) => {
    const clock = new Clock();
    const { Arena } = fresh('index.js'); // which has not warned yet
    const arena = clock.use(() => new Arena({ guard: true, holdMs: 1000 }));
    const [buffers, claims] = clock.use(() => {
      const own = [1000, 100 * KiB, 200 * KiB].map((size, i) => stamp(arena.allocUnsafe(size), i));
      const all = own.map((buffer) => claim(arena, buffer));
      arena.reset();
      return [own, all];
    });
    let again; // in what the last claim had, if that has not expired with the first
    const use = () => {
      useAll(arena);
      claims.at(-1).release();
      again = arena.allocUnsafe(200 * KiB);
    };
    t.deepEqual(
      warning(use, () => clock.pass(1000)),
      [code],
    );
    const { held, quarantined } = memoryOf(arena);
    t.true(held === 0 && quarantined > 100 * KiB);
    clock.use(() => overwrite(arena));
    t.true(buffers.slice(0, 2).every(isStamped));
    t.true(isStamped(buffers[2], 2) || isDead(buffers[2]));
    clock.use(() => arena.reset());
    t.true(isDead(again));
    t.like(memoryOf(arena), { leased: 0, quarantined });
    clock.use(() => arena.close());
  });
}

for (const [what, claim] of [
  ['a hold', (arena) => arena.hold()],
  ['an operation', (_arena, buffers) => buffers.map(begin)],
]) {
  test(`memory for which ${what} expires goes to quarantine, also where the program that hears the warning throws`, (t) => {
    const clock = new Clock();
    const { Arena } = fresh('index.js');
    const arena = clock.use(() => new Arena({ holdMs: 1000, guard: true }));
    clock.use(() => {
      claim(
        arena,
        [1000, 100 * KiB].map((size) => arena.allocUnsafe(size)),
      );
      arena.reset();
    });
    const use = () => {
      throw new Error('of the program');
    };
    t.throws(() => warning(use, () => clock.pass(1000)), { message: 'of the program' });
    clock.use(() => arena.alloc(1));
    const { held, quarantined } = memoryOf(arena);
    t.true(held === 0 && quarantined > 100 * KiB);
    clock.use(() => arena.close());
  });
}

test('a request without memory has the heap, whatever a program does that hears the warning at once', async (t) => {
  const arenas = fresh('http.js').requestArena({ maxBytes: 256 * KiB });
  const others = [1, 2, 3].map(() => new Exchange());
  for (const exchange of others) exchange.begin(arenas).allocUnsafe(60 * KiB);
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  const first = stamp(arena.allocUnsafe(60 * KiB), 1);
  let buffer;
  const use = () => {
    for (const { req } of others) arenas.end(req); // which makes room again
    arena.scope((scope) => scope.allocUnsafe(100).fill(0xff).length);
    arena.checkpoint();
  };
  const act = () => {
    buffer = stamp(arena.allocUnsafe(60 * KiB), 2);
  };
  t.deepEqual(warning(use, act), ['RALLOC_HEAP_FALLBACK']);
  t.true(isStamped(first, 1) && isStamped(buffer, 2));
  await exchange.finish();
  t.true(isDead(first) && isStamped(buffer, 2));
  const { inFlight, heapRequests, memory: of, heap } = arenas.stats();
  t.deepEqual([inFlight, heapRequests, of.leased, heap.used], [0, 1, 0, 0]);
});
