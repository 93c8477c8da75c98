'use strict';
// tier: run-time, long

// Random programs over trees of budgets, beside a model that adds everything up anew: who is served, refused and in what order, and every sum after
// every step.

const test = require('ava');
const { randomInt } = require('node:crypto');
const { Budget } = require('../..');
const { budget: steps, isSoak, seedOr } = require('../helpers/budget.js');
const { random } = require('../helpers/random.js');

// What lib/budget/ is to do, as it is told to users and without a thought of what it costs: every sum is added up anew each time it is asked for, and after
// each step the whole tree is looked through for who is next.

const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

class ModelBudget {
  constructor(id, limit, parent = null, reserve = 0) {
    Object.assign(this, { id, limit, parent, reserve, children: [], held: new Map(), queue: [] });
    Object.assign(this, { ring: [], current: null, offer: null, isClosed: false });
    parent?.children.push(this);
  }

  get used() {
    return sum([...this.held.values()], (bytes) => bytes) + sum(this.children, ({ used }) => used);
  }

  get taken() {
    const own = sum([...this.held.values()], (bytes) => bytes);
    return own + sum(this.children, ({ taken, reserve }) => Math.max(taken, reserve));
  }

  get least() {
    return sum(this.children, ({ least, reserve }) => Math.max(least, reserve));
  }

  get waiting() {
    return this.queue.length + sum(this.children, ({ waiting }) => waiting);
  }

  get all() {
    return [this, ...this.children.flatMap(({ all }) => all)];
  }

  /** Whether `bytes` fit here and above; `of`: what is there without them. */
  #fits(bytes, of, isBarred) {
    if (bytes === 0) return true;
    if (bytes > this.limit - of(this) || isBarred(this)) return false;
    if (this.parent === null) return true;
    return this.parent.#fits(this.above(bytes, of(this)), of, isBarred);
  }

  /** What the parent has to give for `bytes` more. */
  above(bytes, taken = this.taken) {
    return Math.max(taken + bytes, this.reserve) - Math.max(taken, this.reserve);
  }

  fits(bytes, isNew) {
    return this.#fits(
      bytes,
      ({ taken }) => taken,
      ({ current }) => isNew && current !== null,
    );
  }

  canEverFit(bytes) {
    return this.#fits(
      bytes,
      ({ least }) => least,
      () => false,
    );
  }

  /** Whose turn it is, here and below; `due` gets those who can serve. */
  choose(due) {
    for (const child of this.children) child.choose(due);
    const offers = (line) => (line === this ? (this.queue[0] ?? null) : line.offer);
    const lines = [...this.children, this].filter((line) => offers(line) !== null);
    this.ring = this.ring.filter((line) => lines.includes(line));
    if (!lines.includes(this.current)) this.current = null;
    for (const line of lines) {
      if (line !== this.current && !this.ring.includes(line)) this.ring.push(line);
    }
    this.current ??= this.ring.shift() ?? null;
    this.offer = null;
    this.served = null;
    if (this.current === null) return;
    const needs = this.current === this ? this.queue[0].bytes : this.current.needs;
    if (needs > this.limit - this.taken) return;
    this.needs = this.parent === null ? 0 : this.above(needs);
    if (this.needs > 0) this.offer = offers(this.current);
    else this.served = offers(this.current);
    if (this.served !== null && !due.includes(this)) due.push(this);
  }
}

/** A tree: what its steps do to those who wait is in `events`, in order. */
class ModelTree {
  events = [];

  constructor(limit) {
    this.root = new ModelBudget(0, limit);
  }

  settle() {
    const due = [];
    this.root.choose(due);
    while (due.length > 0) {
      const at = due.shift();
      if (at.served === null) continue;
      const { id, budget, bytes } = at.served;
      for (let one = budget; one !== at; one = one.parent) one.current = null;
      at.current = null;
      budget.queue.shift();
      budget.held.set(id, bytes);
      this.events.push(`${id} is served`);
      this.root.choose(due);
    }
  }

  refuse(waiter, why) {
    const { queue } = waiter.budget;
    queue.splice(queue.indexOf(waiter), 1);
    this.events.push(`${waiter.id} ${why}`);
  }

  sweep(budget) {
    for (const one of budget.all) {
      for (const waiter of [...one.queue]) {
        if (!one.canEverFit(waiter.bytes)) this.refuse(waiter, 'ERR_RALLOC_LIMIT');
      }
    }
  }

  close(budget) {
    for (const child of budget.children) this.close(child);
    for (const waiter of [...budget.queue]) this.refuse(waiter, 'ERR_RALLOC_CLOSED');
    budget.reserve = 0;
    budget.isClosed = true;
  }
}

const STEPS = steps(5000, 100_000, 5000);
const MOST_BUDGETS = 10;
const MOST_WAITING = 40;

class Program {
  done = {}; // how often each choice was made, and what came of it
  #tree = new ModelTree(1000);
  #budgets; // [Budget, ModelBudget]
  #charges = []; // { id, charge, model }
  #waiters = []; // { id, budget, bytes, controller }
  #events = [];
  #ids = 0;

  constructor(seed) {
    this.draw = random(seed);
    this.#budgets = [[new Budget({ name: 'b0', maxBytes: 1000 }), this.#tree.root]];
  }

  #count(what) {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  #any(list) {
    return list[this.draw(list.length)];
  }

  #bytes(limit) {
    return this.draw(20) === 0 ? limit + 1 - this.draw(2) : this.draw(1 + (limit >>> this.draw(5)));
  }

  #took(id, charge, model, bytes) {
    model.held.set(id, bytes);
    this.#charges.push({ id, charge, model });
  }

  tryCharge() {
    const [budget, model] = this.#any(this.#budgets);
    const bytes = this.#bytes(model.limit);
    const charge = budget.tryCharge(bytes);
    const fits = model.fits(bytes, true);
    if ((charge !== null) !== fits) return `tryCharge(${bytes}) of ${budget.name}: ${charge}`;
    this.#count(fits ? 'charged' : 'refused');
    if (fits) this.#took(++this.#ids, charge, model, bytes);
    return undefined;
  }

  acquire() {
    if (this.#waiters.length >= MOST_WAITING) return this.release();
    const [budget, model] = this.#any(this.#budgets);
    const bytes = this.#bytes(model.limit);
    const id = ++this.#ids;
    const controller = this.draw(2) === 0 ? new AbortController() : undefined;
    const waiter = { id, budget: model, bytes, controller };
    const promise = budget.acquire(bytes, { signal: controller?.signal });
    if (model.fits(bytes, true)) {
      this.#tree.events.push(`${id} is served`);
      model.held.set(id, bytes);
      this.#count('acquired at once');
    } else if (!model.canEverFit(bytes)) {
      this.#tree.events.push(`${id} ERR_RALLOC_LIMIT`);
      this.#count('never fits');
    } else {
      model.queue.push(waiter);
      this.#count('waits');
    }
    this.#waiters.push(waiter);
    promise.then(
      (charge) => {
        this.#charges.push({ id, charge, model });
        this.#over(waiter, 'is served');
      },
      ({ code }) => this.#over(waiter, code),
    );
    return undefined;
  }

  #over(waiter, how) {
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    this.#events.push(`${waiter.id} ${how}`);
    this.#count(how);
  }

  abort() {
    const waiter = this.#any(this.#waiters.filter(({ controller }) => controller !== undefined));
    if (waiter === undefined) return;
    this.#tree.refuse(waiter, 'ERR_RALLOC_ABORTED');
    waiter.controller.abort();
  }

  release() {
    if (this.#charges.length === 0) return;
    const at = this.draw(this.#charges.length);
    const [{ id, charge, model }] = this.#charges.splice(at, 1);
    model.held.delete(id);
    charge.release();
    if (this.draw(4) === 0) charge.release();
  }

  shrink() {
    if (this.#charges.length === 0) return;
    const { id, charge, model } = this.#any(this.#charges);
    const less = this.draw(charge.bytes + 1);
    charge.shrink(less);
    model.held.set(id, model.held.get(id) - less);
  }

  grow() {
    const open = this.#charges.filter(({ model }) => !model.isClosed);
    if (open.length === 0) return undefined;
    const { id, charge, model } = this.#any(open);
    const bytes = this.#bytes(model.limit >>> 2);
    const had = model.held.get(id);
    const fits = model.fits(bytes, had === 0);
    if (charge.tryGrow(bytes) !== fits)
      return `a charge of ${had} does${fits ? ' not' : ''} grow by ${bytes}`;
    this.#count(fits ? 'grown' : 'not grown');
    if (fits) model.held.set(id, had + bytes);
    return undefined;
  }

  resize() {
    const [budget, model] = this.#any(this.#budgets);
    const limit =
      Math.max(model.least, model.reserve) + this.draw(model.parent === null ? 1200 : 500);
    const isLess = limit < model.limit;
    model.limit = limit;
    if (isLess) this.#tree.sweep(model);
    budget.resize(limit);
  }

  open() {
    if (this.#budgets.length >= MOST_BUDGETS) return undefined;
    const [budget, model] = this.#any(this.#budgets);
    const maxBytes = this.draw(600);
    const reserve = this.draw(2) * this.draw(1 + Math.min(maxBytes, 200));
    const name = `b${++this.#ids}`;
    let code;
    let made;
    try {
      made = new Budget({ name, maxBytes, parent: budget, reserve });
    } catch (error) {
      code = error.code;
    }
    let expected;
    if (!model.canEverFit(reserve)) expected = 'ERR_RALLOC_INVALID_ARGUMENT';
    else if (!model.fits(reserve, true)) expected = 'ERR_RALLOC_LIMIT';
    if (code !== expected) return `a reserve of ${reserve}: ${code}, not ${expected}`;
    if (made === undefined) {
      this.#count('no reserve');
      return undefined;
    }
    this.#budgets.push([made, new ModelBudget(name, maxBytes, model, reserve)]);
    if (reserve > 0) this.#tree.sweep(this.#tree.root);
    this.#count('opened');
    return undefined;
  }

  close() {
    const [budget, model] = this.#any(this.#budgets);
    if (model.parent === null) return;
    this.#tree.close(model);
    budget.close();
    this.#budgets = this.#budgets.filter(([, one]) => !one.isClosed);
    this.#count('closed');
  }

  /** One that is closed and has nothing charged is gone. */
  #prune(model) {
    for (const child of model.children) this.#prune(child);
    model.children = model.children.filter((one) => !one.isClosed || one.used > 0);
  }

  async #settled() {
    this.#tree.settle();
    this.#prune(this.#tree.root);
    for (let i = 0; i < 3; i++) await null;
    return this.#wrong();
  }

  #wrong() {
    const expected = this.#tree.events.splice(0).join();
    const found = this.#events.splice(0).join();
    if (found !== expected) return `${found || 'nothing'}, not ${expected || 'nothing'}`;
    for (const [budget, model] of this.#budgets) {
      const { limit, reserve, used, reserved, available, charges, waiting } = budget.stats();
      const has = { limit, reserve, used, reserved, charges, waiting };
      const own = model.queue.filter(({ budget }) => budget !== model).length;
      const to = {
        limit: model.limit,
        reserve: model.reserve,
        used: model.used,
        reserved: model.taken - model.used,
        charges: model.held.size - own,
        waiting: model.waiting,
      };
      if (JSON.stringify(has) !== JSON.stringify(to))
        return `${budget.name} has ${JSON.stringify(has)}, not ${JSON.stringify(to)}`;
      if (!model.fits(available, true) || model.fits(available + 1, true))
        return `${available} bytes of ${budget.name} are not what is available`;
    }
    return undefined;
  }

  /** Releases all that is charged, and will be: everybody is served. */
  async #drain() {
    while (this.#charges.length > 0) {
      this.release();
      const wrong = await this.#settled();
      if (wrong !== undefined) return wrong;
    }
    return this.#waiters.length === 0 ? undefined : `${this.#waiters.length} wait for ever`;
  }

  async step(number) {
    if (number % 2500 === 0) {
      const wrong = await this.#drain();
      if (wrong !== undefined) return `drained: ${wrong}`;
    }
    const choice = this.#any(CHOICES);
    const wrong = this[choice]() ?? (await this.#settled());
    return wrong === undefined ? undefined : `${choice}: ${wrong}`;
  }
}

const CHOICES = Object.entries({
  tryCharge: 20,
  acquire: 25,
  release: 25,
  abort: 4,
  shrink: 5,
  grow: 8,
  resize: 3,
  open: 2,
  close: 1,
}).flatMap(([name, weight]) => new Array(weight).fill(name));

const ALL = [
  'charged',
  'refused',
  'acquired at once',
  'never fits',
  'waits',
  'is served',
  'grown',
  'not grown',
  'opened',
  'no reserve',
  'closed',
  'ERR_RALLOC_LIMIT',
  'ERR_RALLOC_CLOSED',
  'ERR_RALLOC_ABORTED',
];

// Several programs, so that each ends in time: a million steps in the long run.
for (let program = 1; program <= (isSoak ? 10 : 2); program++) {
  const seed = seedOr(program === 1 ? 1 : randomInt(2 ** 31));
  test.serial(
    `sums are exact after each step, and those who wait are served in order: program ${program}`,
    async (t) => {
      const run = new Program(seed);
      for (let number = 1; number <= STEPS; number++) {
        const wrong = await run.step(number);
        if (wrong !== undefined) return t.fail(`seed ${seed}, step ${number}: ${wrong}`);
      }
      for (const what of ALL) t.true(run.done[what] > STEPS / 5000, `${what}: ${run.done[what]}`);
    },
  );
}
