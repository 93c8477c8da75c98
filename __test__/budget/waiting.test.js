'use strict';
// tier: run-time

// acquire(): who waits, who is served when, what ends a wait, and that it leaves nothing behind.

const test = require('ava');
const { getEventListeners } = require('node:events');
const { Budget } = require('../..');
const { Clock } = require('../helpers/clock.js');
const { run } = require('../helpers/child.js');

const limit = { code: 'ERR_RALLOC_LIMIT' };
const budget = (name, maxBytes, parent, reserve) => new Budget({ name, maxBytes, parent, reserve });

/** Calls acquire() and notes `name` in `served` once it is served. The promise is of the charge. */
function recorder() {
  const served = [];
  const acquire = (name, of, bytes, options) =>
    of.acquire(bytes, options).then((charge) => {
      served.push(name);
      return charge;
    });
  return { served, acquire };
}

const turn = () => new Promise(setImmediate);

test('what fits is charged at once', async (t) => {
  const all = budget('all', 100);
  const promise = all.acquire(60);
  t.is(all.used, 60);
  const charge = await promise;
  t.is(charge.bytes, 60);
  t.like(all.stats(), { waited: 0, waiting: 0, charges: 1 });
});

test('those who wait are served in order, also one that would fit before', async (t) => {
  const all = budget('all', 100);
  const { served, acquire } = recorder();
  const first = all.charge(60);
  const second = all.charge(40);
  acquire('large', all, 80);
  acquire('small', all, 10);
  second.release();
  await turn();
  t.deepEqual(served, []);
  t.like(all.stats(), { waiting: 2, waited: 2, available: 0 });
  t.is(all.tryCharge(1), null, 'the 40 bytes are kept for the first');
  t.throws(() => all.charge(1), { ...limit, message: /60 of 100 bytes are taken \(2 waiting\)/ });
  first.release();
  await turn();
  t.deepEqual(served, ['large', 'small']);
  t.like(all.stats(), { used: 90, waiting: 0, available: 10 });
});

test('who is refused since others wait is told which budget those wait for', (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 100, all);
  budget('other', 100, all).charge(70);
  tenant.acquire(50).catch(() => {});
  const error = t.throws(() => tenant.charge(10), limit);
  t.deepEqual([error.budget, error.status], ['all', 503]);
  t.regex(
    error.message,
    /^10 bytes do not fit: 70 of 100 bytes are taken \(70 B by 'other', 1 waiting\)/,
  );
  t.like(all.stats(), { refused: 1 });
  all.close();
});

test('what is larger than a budget, now or with what is reserved, is refused at once', async (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 200, all);
  const error = await t.throwsAsync(tenant.acquire(101), limit);
  t.deepEqual([error.budget, error.status], ['all', 413]);
  budget('other', 30, all, 30);
  t.is((await t.throwsAsync(tenant.acquire(71), limit)).status, 413);
  t.is((await tenant.acquire(70)).bytes, 70);
});

test('a charge that has begun grows past those who wait, or is refused: it never waits', async (t) => {
  const all = budget('all', 100);
  const { served, acquire } = recorder();
  const charge = all.charge(50);
  const empty = all.charge(0);
  acquire('waits', all, 80);
  charge.grow(30);
  t.false(empty.tryGrow(10), 'who holds nothing stands behind');
  t.throws(() => charge.grow(30), limit);
  t.is(all.used, 80);
  charge.release();
  await turn();
  t.deepEqual(served, ['waits']);
  t.true(empty.tryGrow(10));
});

test('budgets take turns, however many wait in one', async (t) => {
  const all = budget('all', 10);
  const names = ['a', 'b', 'c'];
  const [a, b, c] = names.map((name) => budget(name, 10, all));
  const { served, acquire } = recorder();
  const holder = all.charge(10);
  const charges = [];
  const wait = (name, of) => acquire(name, of, 10).then((charge) => charges.push(charge));
  for (let i = 0; i < 4; i++) wait('a', a);
  for (let i = 0; i < 2; i++) wait('b', b);
  wait('own', all);
  wait('c', c);
  holder.release();
  for (let i = 0; i < 8; i++) {
    await turn();
    charges.pop().release();
  }
  t.deepEqual(served, ['a', 'b', 'own', 'c', 'a', 'b', 'a', 'a']);
  t.is(all.used, 0);
});

test('an aborted waiter leaves no trace, and lets in who was behind it', async (t) => {
  const all = budget('all', 100);
  const { served, acquire } = recorder();
  const charge = all.charge(60);
  const controller = new AbortController();
  const { signal } = controller;
  const large = all.acquire(80, { signal, timeoutMs: 60_000 });
  acquire('small', all, 40);
  controller.abort(new Error('gone'));
  const error = await t.throwsAsync(large, { code: 'ERR_RALLOC_ABORTED' });
  t.is(error.cause.message, 'gone');
  t.is(error.message, "The wait for 80 bytes of the budget 'all' was aborted");
  t.deepEqual(served, ['small']);
  t.like(all.stats(), { used: 100, waiting: 0, aborted: 1, charges: 2 });
  t.is(getEventListeners(signal, 'abort').length, 0);
  charge.release();
  t.is(all.used, 40);
});

test('a signal that is aborted before refuses at once, also what would fit', async (t) => {
  const all = budget('all', 100);
  const error = await t.throwsAsync(all.acquire(1, { signal: AbortSignal.abort('why') }), {
    code: 'ERR_RALLOC_ABORTED',
  });
  t.deepEqual([error.cause, error.status], ['why', 400]);
  t.like(all.stats(), { used: 0, aborted: 0 });
});

test('all waits of a signal end at once: none of them is served meanwhile', async (t) => {
  const all = budget('all', 100);
  const other = budget('other', 100);
  const tenant = budget('tenant', 50, all);
  const charges = [all.charge(50), other.charge(50)];
  const { served, acquire } = recorder();
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = [
    acquire('first', all, 80, { signal }),
    acquire('second', tenant, 50, { signal }),
    acquire('third', other, 60, { signal }),
  ];
  acquire('last', tenant, 30);
  t.is(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  for (const promise of aborted) await t.throwsAsync(promise, { code: 'ERR_RALLOC_ABORTED' });
  t.deepEqual(served, ['last']);
  for (const one of charges) one.release();
  t.deepEqual([all.used, other.used], [30, 0]);
});

test('a signal still ends a wait when another one of it is over', async (t) => {
  const all = budget('all', 10);
  const controller = new AbortController();
  const { signal } = controller;
  const holder = all.charge(10);
  const first = all.acquire(5, { signal });
  const second = all.acquire(10, { signal });
  holder.release();
  await first;
  t.is(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  await t.throwsAsync(second, { code: 'ERR_RALLOC_ABORTED' });
  t.is(getEventListeners(signal, 'abort').length, 0);
  t.like(all.stats(), { used: 5, waiting: 0, aborted: 1 });
});

test('a wait ends with its time, and no earlier', async (t) => {
  const clock = new Clock();
  const all = budget('all', 100);
  const charge = all.charge(50);
  let error;
  clock.use(() => {
    all.acquire(60, { timeoutMs: 500 }).catch((one) => {
      error = one;
    });
  });
  clock.pass(499);
  await turn();
  t.is(error, undefined);
  clock.pass(1);
  await turn();
  t.like(error, { code: 'ERR_RALLOC_LIMIT', budget: 'all', status: 503, waitedMs: 500 });
  t.like(all.stats(), { used: 50, waiting: 0, timedOut: 1, available: 50 });
  let served;
  clock.use(() => {
    served = all.acquire(60, { timeoutMs: 500 });
    t.is(clock.timers.length, 1);
    charge.release();
    t.is(clock.timers.length, 0, 'who is served has none any more');
  });
  t.is((await served).bytes, 60);
});

test('timeoutMs: 0 does not wait', async (t) => {
  const all = budget('all', 100);
  const charge = await all.acquire(100, { timeoutMs: 0 });
  await t.throwsAsync(all.acquire(1, { timeoutMs: 0 }), limit);
  charge.release();
  t.like(all.stats(), { waited: 0, refused: 1 });
});

test('close() refuses all who wait, here and below', async (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 100, all);
  const other = budget('other', 100, all);
  const { served, acquire } = recorder();
  const charge = tenant.charge(100);
  const refused = [tenant.acquire(10), budget('user', 100, tenant).acquire(20)];
  acquire('other', other, 30);
  tenant.close();
  for (const promise of refused) await t.throwsAsync(promise, { code: 'ERR_RALLOC_CLOSED' });
  await t.throwsAsync(tenant.acquire(1), { code: 'ERR_RALLOC_CLOSED' });
  t.deepEqual(served, []);
  t.like(all.stats(), { waiting: 1, used: 100 });
  charge.release();
  await turn();
  t.deepEqual(served, ['other']);
});

test('resize() lets in who fits then, and refuses who never will', async (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 100, all);
  const { served, acquire } = recorder();
  all.charge(50);
  acquire('first', tenant, 60);
  acquire('second', all, 45);
  all.resize(110);
  await turn();
  t.deepEqual(served, ['first']);
  const large = tenant.acquire(100);
  acquire('third', tenant, 10);
  all.resize(99);
  t.is((await t.throwsAsync(large, limit)).status, 413);
  all.resize(165);
  await turn();
  t.deepEqual(served, ['first', 'second', 'third']);
});

test('waits do not keep a program, and a timer does until it is over', async (t) => {
  const program = `
    const budget = new (require('ralloc').Budget)({ maxBytes: 1 });
    budget.charge(1);
    budget.acquire(1);
    budget.acquire(1, { timeoutMs: 20 }).catch(({ code }) => console.log(JSON.stringify(code)));`;
  const { result, stderr } = await run('', { path: '-e', args: [program], cwd: __dirname });
  t.is(result, 'ERR_RALLOC_LIMIT', stderr);
});

test('100,000 wait: each comes and goes in the same time, from whatever place', async (t) => {
  const COUNT = 100_000;
  const all = budget('all', 1);
  const tenants = Array.from({ length: 1000 }, (_, i) => budget(`${i}`, 1, all));
  const first = all.charge(1);
  const aborter = new AbortController();
  const served = [];
  const promises = Array.from({ length: COUNT }, (_, i) => {
    const tenant = tenants[i % tenants.length];
    if (i % 10 === 5) return tenant.acquire(1, { signal: aborter.signal }).catch(() => {});
    return tenant.acquire(1).then((charge) => {
      served.push(i);
      charge.release();
    });
  });
  t.is(all.stats().waiting, COUNT);
  aborter.abort();
  t.is(all.stats().waiting, COUNT * 0.9);
  first.release();
  await Promise.all(promises);
  t.is(served.length, COUNT * 0.9);
  t.true(
    served.every((i, at) => at === 0 || served[at - 1] < i),
    'in turns, and in order',
  );
  t.like(all.stats(), { used: 0, waiting: 0 });
});
