'use strict';
// tier: run-time

// ralloc's own functions that read bytes refuse a Buffer of a slab or a region that was freed or sent, with the guard and without:
// its bytes may be somebody else's. Nothing was allocated then.

const test = require('ava');
const { Readable } = require('node:stream');
const { Arena, Region, Slab } = require('../../lib/index.js');

const DEAD = 'ERR_RALLOC_DEAD_BUFFER';
const SIZE = 64;
const newSlab = (guard) => new Slab({ sizes: [SIZE], count: 4, guard });

/** Buffers that are dead, by what ended them, with the word of that. */
const ends = {
  'freed, of a region': (guard) => {
    const region = new Region({ guard });
    const buffer = region.alloc(SIZE, 'a');
    region.free(buffer);
    return buffer;
  },
  'freed, of a region with autoFree': (guard) => {
    const region = new Region({ guard, autoFree: true });
    const buffer = region.alloc(SIZE, 'a');
    region.free(buffer);
    return buffer;
  },
  'freed, of a slab': (guard) => {
    const slab = newSlab(guard);
    const buffer = slab.alloc(SIZE, 'a');
    slab.free(buffer);
    return buffer;
  },
  'freed, of a slab that recycles': (guard) => {
    const slab = new Slab({ sizes: [SIZE], count: 4, guard, safety: 'recycle' });
    const buffer = slab.alloc(SIZE, 'a');
    slab.free(buffer);
    return buffer;
  },
  'sent, of a slab': (guard) => {
    const slab = newSlab(guard);
    const buffer = slab.alloc(SIZE, 'a');
    slab.receive(slab.send(buffer));
    return buffer;
  },
};

/** What an allocator has handed out. */
const counts = (one) => {
  const { used, held, pools } = one.stats();
  return { used, held, pools: pools?.map((pool) => pool.held) };
};

const makers = {
  arena: () => new Arena(),
  slab: () => newSlab(false),
  region: () => new Region(),
};

const readers = {
  'alloc, fill': [Object.keys(makers), (one, dead) => one.alloc(SIZE, dead)],
  'tryAlloc, fill': [['slab', 'region'], (one, dead) => one.tryAlloc(SIZE, dead)],
  from: [['arena'], (arena, dead) => arena.from(dead)],
  concat: [['arena'], (arena, dead) => arena.concat([Buffer.from('alive'), dead])],
  copyOut: [['arena'], (arena, dead) => arena.copyOut(dead)],
  adopt: [['arena'], (arena, dead) => arena.adopt(dead)],
};

for (const [how, end] of Object.entries(ends)) {
  const told = /^freed/.test(how) ? /it was freed/ : /it was sent/;
  for (const guard of [true, false]) {
    const about = `${how}, ${guard ? 'with' : 'without'} the guard`;
    for (const [name, [ofMakers, read]] of Object.entries(readers)) {
      for (const maker of ofMakers) {
        test(`${name} of ${maker}: a Buffer that was ${about}`, (t) => {
          const one = makers[maker]();
          one.alloc(1);
          const before = counts(one);
          const error = t.throws(() => read(one, end(guard)), { code: DEAD });
          t.regex(error.message, told);
          t.deepEqual(counts(one), before);
        });
      }
    }

    test(`collect of an arena: a chunk that was ${about}`, async (t) => {
      const source = new Readable({ read() {} });
      const reading = new Arena().collect(source, { limit: 1000 });
      source.emit('data', end(guard));
      const error = await t.throwsAsync(reading, { code: DEAD });
      t.regex(error.message, told);
    });
  }
}

test('the message names the argument, and where it is in a list', (t) => {
  const dead = ends['freed, of a slab'](false);
  t.regex(t.throws(() => new Arena().from(dead)).message, /"value" argument is dead: it was freed/);
  t.regex(t.throws(() => new Arena().concat([Buffer.alloc(1), dead])).message, /"list\[1\]"/);
  t.regex(t.throws(() => new Region().alloc(9, dead)).message, /"fill" argument/);
});

test('a Buffer that is not freed is read, and one that was allocated in its place', (t) => {
  const region = new Region();
  const slab = newSlab(false);
  for (const one of [region, slab]) {
    one.free(one.alloc(SIZE, 'a'));
    const alive = one.alloc(SIZE, 'b');
    t.is(new Arena().from(alive).toString(), 'b'.repeat(SIZE));
    t.is(new Arena().copyOut(alive).toString(), 'b'.repeat(SIZE));
    t.is(region.alloc(2, alive).toString(), 'bb');
  }
});
