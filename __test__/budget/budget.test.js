'use strict';
// tier: run-time

// Budgets and their charges: what fits, what a tree sums up, what reserves are, what is refused and what the error says, bad input, and calls that are cut off.
// Every sum after each of many steps: random.test.js.

const test = require('ava');
const path = require('node:path');
const { inspect } = require('node:util');
const { Budget, RallocError } = require('../..');
const { Clock } = require('../helpers/clock.js');
const { copyOfPackage } = require('../helpers/copy-of-package.js');
const { addsUp } = require('../helpers/cut-off.js');
const { gc, until, untilCollected } = require('../helpers/until.js');
const { notNumbers, notSizes } = require('../helpers/values.js');

const limit = { code: 'ERR_RALLOC_LIMIT' };
const closed = { code: 'ERR_RALLOC_CLOSED' };
const wrong = 'ERR_RALLOC_INVALID_ARGUMENT';

const budget = (name, maxBytes, parent, reserve) => new Budget({ name, maxBytes, parent, reserve });

test('charges fit up to the limit, and not a byte more', (t) => {
  const all = budget('all', 100);
  const first = all.charge(60);
  t.deepEqual([first.bytes, all.used, all.available], [60, 60, 40]);
  t.is(all.tryCharge(41), null);
  const second = all.tryCharge(40);
  t.deepEqual([all.used, all.available], [100, 0]);
  t.throws(() => all.charge(1), limit);
  first.release();
  second.release();
  t.like(all.stats(), { used: 0, available: 100, peak: 100, charges: 0, refused: 2 });
});

test('a charge grows, shrinks and is released once', (t) => {
  const all = budget('all', 100);
  const charge = all.charge(10);
  charge.grow(50);
  t.true(charge.tryGrow(40));
  t.false(charge.tryGrow(1));
  t.throws(() => charge.grow(1), limit);
  t.deepEqual([charge.bytes, all.used], [100, 100]);
  charge.shrink(70);
  t.deepEqual([charge.bytes, all.used], [30, 30]);
  t.throws(() => charge.shrink(31), { code: wrong, instanceOf: RangeError });
  const other = all.charge(70);
  charge.release();
  charge.release();
  charge[Symbol.dispose]();
  t.deepEqual([charge.bytes, all.used], [0, 70]);
  for (const act of [() => charge.grow(1), () => charge.tryGrow(0), () => charge.shrink(0)])
    t.throws(act, { ...closed, message: 'The charge is closed' });
  t.is(all.used, other.bytes);
});

test('a charge is one of all budgets above', (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 80, all);
  const user = budget('user', 50, tenant);
  const charge = user.charge(40);
  t.deepEqual([user.used, tenant.used, all.used], [40, 40, 40]);
  t.deepEqual([user.available, tenant.available, all.available], [10, 40, 60]);
  all.charge(55);
  t.deepEqual([user.available, tenant.available, all.available], [5, 5, 5]);
  t.is(user.tryCharge(6), null);
  t.deepEqual([user.used, tenant.used, all.used], [40, 40, 95]);
  charge.release();
  t.deepEqual([user.used, tenant.used, all.used], [0, 0, 55]);
  t.is(user.parent, tenant);
  t.is(all.parent, undefined);
});

test('a reserve is one budget’s own, whatever the others do', (t) => {
  const all = budget('all', 100);
  const quiet = budget('quiet', 50, all, 30);
  const loud = budget('loud', 100, all);
  t.like(all.stats(), { used: 0, reserved: 30, available: 70 });
  const most = loud.charge(70);
  t.is(loud.tryCharge(1), null);
  t.is(all.tryCharge(1), null);
  t.is(quiet.available, 30);
  const own = quiet.charge(25);
  t.like(all.stats(), { used: 95, reserved: 5, available: 0 });
  t.false(own.tryGrow(6), 'the parent has no more');
  own.grow(5);
  most.shrink(10);
  own.grow(10);
  t.like(all.stats(), { used: 100, reserved: 0 });
  own.shrink(35);
  t.like(all.stats(), { used: 65, reserved: 25, available: 10 });
  quiet.close();
  t.like(all.stats(), { used: 65, reserved: 0, available: 35 });
  t.is(quiet.stats().reserve, 0);
  own.release();
  t.is(all.used, 60);
});

test('a reserve that does not fit is refused, and changes nothing', (t) => {
  const all = budget('all', 100);
  budget('first', 60, all, 60);
  const charge = all.charge(20);
  const before = all.stats();
  const range = { code: wrong, instanceOf: RangeError };
  t.throws(() => budget('second', 50, all, 41), {
    ...range,
    message: /"options\.reserve".* less what is reserved there/,
  });
  t.throws(() => budget('second', 20, all, 21), {
    ...range,
    message: /at most maxBytes, 20\. Received 21/,
  });
  t.throws(() => budget('root', 20, undefined, 1), { ...range, message: /0 without a parent/ });
  const error = t.throws(() => budget('second', 50, all, 21), limit);
  t.is(error.budget, 'all');
  t.deepEqual(all.stats(), before);
  charge.release();
  t.is(budget('second', 50, all, 40).available, 40);
});

test('the error names the budget that is full, who has its bytes, and a status', (t) => {
  const all = budget('server', 1000);
  const acme = budget('acme', 600, all);
  budget('quiet', 100, all, 100);
  const held = ['a', 'b', 'c', 'd'].map((name) => budget(name, 500, acme).charge(100));
  all.charge(300);
  const error = t.throws(() => acme.charge(201), limit);
  t.true(error instanceof RallocError);
  t.is(
    error.message,
    "201 bytes do not fit: 400 of 600 bytes are taken (100 B by 'a', 100 B by 'b', 100 B by 'c', 100 B by others). Raise maxBytes of the budget 'acme', or release charges first",
  );
  const { budget: name, option, requested, limit: most, used, status } = error;
  t.deepEqual(
    { name, option, requested, most, used, status },
    { name: 'acme', option: 'maxBytes', requested: 201, most: 600, used: 400, status: 429 },
  );
  held[0].grow(100);
  const full = t.throws(() => all.charge(101), limit);
  t.regex(
    full.message,
    /^101 bytes do not fit: 900 of 1000 bytes are taken \(500 B by 'acme', 300 B by itself, 100 B reserved\)\. Raise maxBytes of the budget 'server'/,
  );
  t.is(full.status, 503);
  t.is(t.throws(() => held[0].grow(1000), limit).status, 413);
  t.is(t.throws(() => acme.charge(601), limit).status, 413);
  t.is(t.throws(() => acme.charge(601), limit).budget, 'acme');
  t.is(full.getResponse().status, 503);
  const nameless = new Budget({ maxBytes: 1 });
  t.regex(
    t.throws(() => nameless.charge(2)).message,
    /^2 bytes do not fit: 0 of 1 bytes are in use\. Raise "maxBytes", or/,
  );
});

test('they are looked for once in 100 ms, so that many refusals cost little', (t) => {
  const clock = new Clock();
  const all = budget('all', 10_000);
  const charges = Array.from({ length: 33 }, (_, i) => budget(`b${i}`, 1000, all).charge(5));
  const first = () => /taken \(\d+ B by '(\w+)'/.exec(t.throws(() => all.charge(9999)).message)[1];
  clock.use(() => {
    t.is(first(), 'b0');
    charges[20].grow(100);
    clock.now += 99;
    t.is(first(), 'b0');
    clock.now += 1;
    t.is(first(), 'b20');
  });
});

test('of up to 32 budgets below each refusal names the ones with the most bytes', (t) => {
  const all = budget('all', 10_000);
  const charges = Array.from({ length: 32 }, (_, i) => budget(`b${i}`, 1000, all).charge(5));
  const message = () => t.throws(() => all.charge(9999)).message;
  t.regex(message(), /\(5 B by 'b0', 5 B by 'b1', 5 B by 'b2', 145 B by others\)/);
  for (const i of [20, 9, 31]) charges[i].grow(i);
  t.regex(message(), /\(36 B by 'b31', 25 B by 'b20', 14 B by 'b9', 145 B by others\)/);
});

test('resize() gives more at once, and takes nothing away', (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 100, all, 20);
  const charge = tenant.charge(100);
  all.resize(150);
  t.is(all.available, 50);
  all.resize(60);
  t.like(all.stats(), { limit: 60, used: 100, available: 0 });
  t.is(all.tryCharge(1), null);
  charge.shrink(90);
  t.like(all.stats(), { used: 10, reserved: 10, available: 40 });
  t.throws(() => all.resize(19), { code: wrong, message: /an integer >= 20, which is reserved/ });
  t.throws(() => tenant.resize(19), { code: wrong });
  t.like(all.stats(), { limit: 60 });
});

test('close() ends a budget and all below it, and what is charged stays until it is released', (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 100, all);
  const user = budget('user', 100, tenant, 10);
  const charge = user.charge(30);
  tenant.close();
  tenant.close();
  for (const one of [tenant, user]) {
    t.like(one.stats(), { live: false, used: 30, available: 0 });
    for (const act of [
      () => one.charge(1),
      () => one.tryCharge(0),
      () => one.resize(1),
      () => one.onPressure(() => {}),
    ])
      t.throws(act, closed);
    t.throws(() => budget('late', 1, one), {
      ...closed,
      message: `The budget '${one.name}' is closed`,
    });
  }
  t.throws(() => charge.grow(1), closed);
  charge.shrink(10);
  t.is(all.used, 20);
  charge.release();
  t.like(all.stats(), { used: 0, reserved: 0, live: true });
  all.charge(1);
  t.regex(
    t.throws(() => all.charge(100)).message,
    /1 of 100 bytes are in use/,
    'nothing is kept of those below',
  );
  const root = new Budget({ maxBytes: 1 });
  root.close();
  t.throws(() => root.charge(1), { message: 'The budget is closed' });
});

test('what is no number of bytes is a typed error before anything changes', async (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 50, all, 10);
  const charge = tenant.charge(5);
  const before = [all.stats(), tenant.stats(), charge.bytes];
  for (const value of [...notNumbers, ...notSizes]) {
    const about = { code: wrong, instanceOf: typeof value === 'number' ? RangeError : TypeError };
    for (const act of [
      () => tenant.charge(value),
      () => tenant.tryCharge(value),
      () => charge.grow(value),
      () => charge.tryGrow(value),
      () => charge.shrink(value),
      () => tenant.resize(value),
      () => new Budget({ maxBytes: value, parent: all }),
    ])
      t.throws(act, about, inspect(value));
    await t.throwsAsync(tenant.acquire(value), about);
    if (value !== undefined)
      t.throws(() => new Budget({ maxBytes: 9, parent: all, reserve: value }), about);
  }
  t.deepEqual([all.stats(), tenant.stats(), charge.bytes], before);
});

test('sums stay exact with huge sizes', (t) => {
  const most = Number.MAX_SAFE_INTEGER;
  const all = budget('all', most);
  const tenant = budget('tenant', most, all, most - 10);
  const charge = tenant.charge(most - 1);
  t.is(all.available, 1);
  t.is(all.tryCharge(2), null);
  t.is(tenant.tryCharge(most), null);
  charge.shrink(most - 4);
  t.like(all.stats(), { used: 3, reserved: most - 13, available: 10 });
  charge.release();
  t.is(all.used, 0);
});

test('options that are wrong', async (t) => {
  const all = budget('all', 100);
  for (const options of [
    undefined,
    null,
    [],
    {},
    { maxBytes: 1, name: 5 },
    { maxBytes: 1, parent: null },
    { maxBytes: 1, parent: {} },
    { maxBytes: 1, parent: Object.create(all) },
    { maxBytes: 1, parent: new Proxy(all, {}) },
    { maxBytes: 1, parent: Budget.prototype },
    { maxByte: 1 },
  ])
    t.throws(() => new Budget(options), { code: wrong }, inspect(options));
  t.throws(() => new Budget({ maxBytes: 1, parnt: all }), { message: /Did you mean "parent"\?/ });
  for (const options of [
    null,
    { timeoutMs: -1 },
    { timeoutMs: 2 ** 31 },
    { timeoutMs: '5' },
    { signal: {} },
    { signal: 5 },
    { signal: null },
    { signal: { aborted: false } },
    { timeout: 5 },
  ])
    await t.throwsAsync(all.acquire(1, options), { code: wrong }, inspect(options));
  for (const handler of [undefined, null, 'f', {}])
    t.throws(() => all.onPressure(handler), { code: wrong });
  t.like(all.stats(), { used: 0, waiting: 0, charges: 0 });
});

test('a parent of another copy of ralloc', (t) => {
  const folder = copyOfPackage(t);
  const { Budget: Other } = require(path.join(folder, 'lib', 'budget', 'budget.js'));
  const parent = new Other({ maxBytes: 100 });
  t.throws(() => new Budget({ maxBytes: 1, parent }), {
    code: wrong,
    instanceOf: TypeError,
    message: /"options\.parent" property must be an instance of Budget, of the same copy of ralloc/,
  });
});

test('a parent that an option’s getter closes', (t) => {
  const all = budget('all', 100);
  const options = {
    parent: all,
    reserve: 10,
    get maxBytes() {
      all.close();
      return 10;
    },
  };
  t.throws(() => new Budget(options), closed);
  t.is(all.stats().reserved, 0);
});

test('a Charge is made by a budget alone', (t) => {
  const { constructor: Charge } = budget('all', 1).charge(1);
  t.throws(() => new Charge(), { code: wrong });
  t.throws(() => Charge.prototype.release.call({}), { instanceOf: TypeError });
  t.throws(() => Budget.prototype.charge.call({}, 1), { instanceOf: TypeError });
});

test('util.inspect() shows what is charged', (t) => {
  const all = budget('all', 2048);
  const charge = all.charge(1024);
  t.is(inspect(all), "Budget 'all' { live, 1 KiB of 2 KiB used }");
  t.is(inspect(charge), "Charge { 1 KiB, of the budget 'all' }");
  all.acquire(2048).catch(() => {});
  t.is(inspect(all), "Budget 'all' { live, 1 KiB of 2 KiB used, 1 waiting }");
  all.close();
  charge.release();
  t.is(inspect(all), "Budget 'all' { closed, 0 B of 2 KiB used }");
  t.is(inspect(charge), 'Charge { 0 B, released }');
  t.is(inspect(new Budget({ maxBytes: 1 })), 'Budget { live, 0 B of 1 B used }');
  t.is(inspect(Object.create(all)), 'Budget {}');
  t.is(inspect(Object.create(charge)), 'Charge {}');
});

test('a budget that nobody has any more gives back what is charged to it, and its reserve', async (t) => {
  const all = budget('all', 1000);
  (() => {
    const tenant = budget('tenant', 500, all, 100);
    tenant.onPressure(() => tenant);
    budget('user', 500, tenant).charge(50);
    tenant.charge(200);
  })();
  t.deepEqual([all.used, all.stats().reserved], [250, 0]);
  await untilCollected(() => all.used === 0);
  t.like(all.stats(), { used: 0, reserved: 0, available: 1000 });
});

test('a budget with a charge, or with somebody who waits, is not collected', async (t) => {
  const all = budget('all', 1000);
  const charge = budget('tenant', 500, all).charge(500);
  let granted;
  const rest = all.charge(500);
  budget('waiting', 500, all)
    .acquire(300)
    .then((one) => {
      granted = one;
    });
  const gone = new WeakRef({});
  await untilCollected(() => gone.deref() === undefined);
  gc();
  t.is(all.used, 1000);
  rest.release();
  await until(() => granted !== undefined);
  t.deepEqual([granted.bytes, all.used], [300, 800]);
  charge.release();
  granted.release();
  t.is(all.used, 0);
});

test('onPressure() tells a budget that it is full, once for all that did not fit', async (t) => {
  const all = budget('all', 100);
  const tenant = budget('tenant', 60, all);
  const told = [];
  const end = all.onPressure((pressure) => told.push(pressure));
  const own = [];
  const endOwn = tenant.onPressure(({ budget: name }) => own.push(name));
  const cache = all.charge(50);
  t.deepEqual([tenant.tryCharge(60), tenant.tryCharge(51)], [null, null]);
  t.deepEqual(told, [], 'not within the call');
  await new Promise(setImmediate);
  const cause = { of: 'budget', value: 50, limit: 100 };
  t.deepEqual(told, [{ budget: 'all', limit: 100, used: 50, level: 'none', cause }]);
  t.deepEqual(own, [], 'which has room');
  t.is(tenant.tryCharge(61), null);
  await new Promise(setImmediate);
  t.deepEqual(own, ['tenant']);
  end();
  end();
  endOwn();
  t.is(tenant.tryCharge(60), null);
  await new Promise(setImmediate);
  t.is(told.length, 1);
  cache.release();
});

test('a cache that gives memory back on pressure lets in who waits', async (t) => {
  const all = budget('all', 100);
  const entries = Array.from({ length: 10 }, () => all.charge(10));
  all.onPressure(() => {
    while (entries.length > 0 && all.stats().waiting > 0) entries.shift().release();
  });
  const charge = await all.acquire(35);
  t.deepEqual([charge.bytes, entries.length, all.used], [35, 6, 95]);
});

test('the same function twice is told twice, and a registration ends alone', async (t) => {
  const all = budget('all', 1);
  let count = 0;
  const handler = () => count++;
  const ends = [all.onPressure(handler), all.onPressure(handler)];
  all.tryCharge(2);
  await new Promise(setImmediate);
  t.is(count, 2);
  ends[0]();
  all.tryCharge(2);
  await new Promise(setImmediate);
  t.is(count, 3);
});

// A stack overflow, which programs catch, and vm's timeout stop a budget's own JavaScript anywhere.

// Nothing that rejects a promise: where the stack ends then Node ends the process, and on Node 24 a timeout that strikes while a rejection is noted is lost.
const OPERATIONS = ['charge', 'release', 'change', 'acquire', 'resize', 'open', 'close'];

for (const [how, what] of [
  ['stack', 'a stack that ends in'],
  ['timeout', 'a timeout of vm that stops'],
]) {
  test(`${what} any call loses no byte, and nobody who waits`, async (t) => {
    await addsUp(t, 'budget/cut-off.js', [how], OPERATIONS);
  });
}
