'use strict';
// tier: run-time

// The claims on an ArrayBuffer, without one: what waits for which, and what a call that was cut off leaves to the next.

const test = require('ava');
const { Guarded } = require('../../lib/base/guarded.js');
const { Claim, Claims, finishClaims } = require('../../lib/memory/claims.js');
const { ChunkClaims } = require('../../lib/region/claims.js');
const { SegmentClaims } = require('../../lib/slab/claims.js');
const { untilCollected } = require('../helpers/until.js');

const GiB = 2 ** 30;

/** What is taken back and whether frees are slow can be seen; `stops`: before which of its calls the stack ends. */
class Watched extends Claims {
  taken = [];
  calls = [];
  stops = null;
  death = 'freed';
  dead = false;

  #claims = new Set();

  on(start, stop) {
    const claim = new Claim(this, start, stop);
    this.#claims.add(claim);
    return claim;
  }

  over(start, stop) {
    return this.all().find((claim) => claim.covers(start, stop));
  }

  remove(claim) {
    this.#claims.delete(claim);
  }

  all() {
    return [...this.#claims];
  }

  deathOf() {
    return this.dead ? this.death : undefined;
  }

  #call(name) {
    if (this.stops === name) throw new RangeError('the stack ends');
    this.calls.push(name);
  }

  slow() {
    this.#call('slow');
  }

  fast() {
    this.#call('fast');
  }

  takeBack(part) {
    this.#call('takeBack');
    this.taken.push(part.name);
  }

  leave() {
    this.#call('leave');
  }
}

const coreOf = () => ({ isLive: true, guarded: new Guarded(), over: null, operations: 0 });

function claimsOf() {
  const core = coreOf();
  const counter = { operations: 0 };
  return { core, counter, claims: new Watched(core, counter) };
}

/** Of a segment with slots of `size` bytes. */
function slotsOf(size) {
  const core = coreOf();
  const pool = { core, size, operations: 0, limit: 10, capacity: 10 };
  return { core, pool, claims: new SegmentClaims(pool, 0, new ArrayBuffer(8 * size)) };
}

const view = (byteOffset, byteLength) => ({ byteOffset, byteLength });
const part = (name, start, stop) => ({ name, start, stop });

test('a part waits until no operation uses any of its bytes, in whatever order they end', (t) => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    const { claims, counter } = claimsOf();
    const ends = [view(0, 10), view(5, 3000), view(4090, 10)].map((one) => claims.take(one, 'fs'));
    t.true(claims.wait(part('all', 0, 4096)));
    t.false(claims.wait(part('behind', 4100, 5000)), 'no operation uses it');
    t.is(claims.waiting, 1);
    for (const index of order) {
      t.deepEqual(claims.taken, []);
      ends[index]();
      ends[index](); // does nothing
    }
    t.deepEqual(claims.taken, ['all']);
    t.deepEqual([claims.operations, counter.operations, claims.waiting], [0, 0, 0]);
  }
});

test('what ends and begins at a byte does not overlap', (t) => {
  const { claims } = claimsOf();
  claims.take(view(100, 100), 'fs');
  t.false(claims.covers(0, 100));
  t.false(claims.covers(200, 300));
  t.true(claims.covers(199, 200));
  t.true(claims.covers(0, 101));
  t.true(claims.covers(150, 151));
});

test('operations on one slot share a claim, which has all bytes of it; one on several has its own', (t) => {
  const { claims, pool } = slotsOf(1024);
  const [first, second, wide] = [view(0, 10), view(1000, 24), view(1000, 25)].map((one) =>
    claims.take(one, 'fs'),
  );
  t.is(first, second);
  t.not(first, wide);
  t.is(pool.capacity, 0);
  first();
  t.true(claims.covers(0, 1024));
  second();
  t.true(claims.covers(0, 1024), 'by the wide one');
  t.true(claims.covers(1024, 2048));
  t.false(claims.covers(2048, 3072));
  wide();
  t.false(claims.covers(0, 1024));
  t.is(pool.capacity, 10);
});

test('bytes of a block beyond 4 GiB are told apart from those before', (t) => {
  const core = Object.assign(coreOf(), { auto: null, settleSpans() {} });
  const ab = {};
  const claims = new ChunkClaims(core, { size: 4.5 * GiB, ab, span: { ab } });
  const end = claims.take({ ...view(3 * GiB, 10), buffer: { byteLength: 1 } }, 'fs');
  t.true(claims.covers(0, 4.5 * GiB));
  t.false(claims.covers(4 * GiB, 4.5 * GiB));
  end();
  t.false(claims.covers(0, 4.5 * GiB));
  t.false(core.isSlow);
});

test('frees are slow from the first operation of all to the last', (t) => {
  const { core, counter, claims } = claimsOf();
  const other = new Watched(core, counter);
  const ends = [claims.take(view(0, 1), 'fs'), other.take(view(0, 1), 'http')];
  ends[0]();
  t.deepEqual([...claims.calls, ...other.calls], ['slow', 'slow']);
  ends[1]();
  t.deepEqual(other.calls, ['slow', 'fast']);
  t.like(core.guarded.stats(), { fs: { operations: 1, bytes: 1 }, http: { operations: 1 } });
});

test('a dead Buffer is refused, and one of no bytes claims nothing', (t) => {
  const { claims, counter } = claimsOf();
  claims.take(view(0, 0), 'fs');
  t.is(claims.operations, 0);
  claims.dead = true;
  t.true(claims.isFreed(view(0, 1)));
  t.throws(() => claims.take(view(0, 1), 'fs'), { code: 'ERR_RALLOC_DEAD_BUFFER' });
  t.is(counter.operations, 0);
});

for (const name of ['takeBack', 'fast']) {
  test(`an end that is cut off before ${name}() is finished by the next call, and nothing is taken back twice`, (t) => {
    const { core, claims } = claimsOf();
    const end = claims.take(view(0, 10), 'fs');
    for (const one of ['a', 'b']) claims.wait(part(one, 0, 10));
    claims.stops = name;
    t.throws(end, { message: 'the stack ends' });
    t.is(claims.operations, 0);
    claims.stops = null;
    claims.take(view(0, 10), 'fs');
    t.deepEqual(claims.taken, ['b', 'a']);
    t.is(core.over, null);
    t.deepEqual(claims.calls.slice(-2), ['fast', 'slow']);
  });
}

test('a claim that was cut off before it began holds nothing', (t) => {
  const { claims, counter } = claimsOf();
  claims.stops = 'slow';
  t.throws(() => claims.take(view(0, 10), 'fs'), { message: 'the stack ends' });
  t.false(claims.covers(0, 10));
  t.is(counter.operations, 0);
  claims.stops = null;
  claims.take(view(0, 10), 'fs')();
  t.is(counter.operations, 0);
});

test('of what is closed nothing is taken back: it is left with each end', (t) => {
  const { core, claims } = claimsOf();
  const ends = [view(0, 10), view(20, 10)].map((one) => claims.take(one, 'fs'));
  claims.wait(part('gone', 0, 10));
  core.isLive = false;
  for (const end of ends) end();
  t.deepEqual(claims.taken, []);
  t.deepEqual(claims.calls, ['slow', 'slow', 'leave', 'leave']);
});

test('operations that nobody can end any more are over once something waits for them', async (t) => {
  const { claims } = claimsOf();
  (() => {
    for (let i = 0; i < 3; i++) claims.take(view(0, 10), 'fs'); // by streams that are dropped
  })();
  t.false(claims.tick(), 'nothing waits');
  claims.wait(part('waits', 0, 10));
  await untilCollected(() => !claims.tick());
  t.deepEqual(claims.taken, ['waits']);
  t.is(claims.operations, 0);
});

test('a claim that nobody can end is over when another operation comes to its slot', async (t) => {
  const { claims, core } = slotsOf(1024);
  let isCollected = false;
  const registry = new FinalizationRegistry(() => {
    isCollected = true;
  });
  (() => registry.register(claims.take(view(0, 10), 'fs'), ''))();
  await untilCollected(() => isCollected);
  const end = claims.take(view(0, 10), 'fs');
  t.is(claims.operations, 1);
  end();
  finishClaims(core);
  t.is(claims.operations, 0);
});
