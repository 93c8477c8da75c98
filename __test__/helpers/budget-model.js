'use strict';

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

module.exports = { ModelBudget, ModelTree };
