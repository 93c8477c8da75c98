'use strict';

// The part of a refusal's message that says who has the bytes of a budget.

const { formatBytes } = require('../base/bytes.js');
const time = require('../base/time.js');

const SHOWN = 3;
const AT_ONCE = 32; // up to so many budgets below are ranked at each refusal
const RANK_MS = 100; // more of them are ranked at most this often, so that a refusal costs the same

/** Finds the budgets below that have the most bytes. */
class Ranking {
  #first = [];
  #at = -Infinity;

  of(children) {
    const now = children.size <= AT_ONCE ? Infinity : time.now();
    if (now - this.#at >= RANK_MS) {
      this.#first = [];
      this.#at = now === Infinity ? -Infinity : now;
      for (const child of children) this.#add(child);
    }
    return this.#first.filter(({ used }) => used > 0);
  }

  #add(child) {
    const first = this.#first;
    if (first.length === SHOWN && child.used <= first[SHOWN - 1].used) return;
    let at = first.length;
    while (at > 0 && first[at - 1].used < child.used) at--;
    first.splice(at, 0, child);
    first.length = Math.min(first.length, SHOWN);
  }
}

/** `{ parts, remedy }` for limitError(). */
function usageOf({ children, ranking, taken, used, waiting }) {
  const parts = [];
  let others = used;
  for (const { name, used: bytes } of ranking.of(children)) {
    parts.push(`${formatBytes(bytes)} by ${name === '' ? 'a budget without a name' : `'${name}'`}`);
    others -= bytes;
  }
  if (others > 0 && children.size > 0)
    parts.push(`${formatBytes(others)} by ${children.size > SHOWN ? 'others' : 'itself'}`);
  if (taken > used) parts.push(`${formatBytes(taken - used)} reserved`);
  if (waiting > 0) parts.push(`${waiting} waiting`);
  return { parts, remedy: 'release charges first' };
}

module.exports = { AT_ONCE, Ranking, usageOf };
