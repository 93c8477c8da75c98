'use strict';

// An intrusive queue: a member can leave from the middle in O(1). It is in one line at a time, and
// has the fields `line`, `previous` and `next`, which are null at first.

class Line {
  first = null;
  last = null;

  push(one) {
    this.insert(one, null);
  }

  /** Puts `one` in front of `next`, which is a member; null: at the end. */
  insert(one, next) {
    const previous = next === null ? this.last : next.previous;
    one.line = this;
    one.previous = previous;
    one.next = next;
    if (previous === null) this.first = one;
    else previous.next = one;
    if (next === null) this.last = one;
    else next.previous = one;
  }

  remove(one) {
    const { previous, next } = one;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    one.line = null;
  }
}

module.exports = { Line };
