'use strict';

// An intrusive queue: a member can leave from the middle in O(1). It is in one line at a time, and has the fields `line`, `previous` and
// `next`, which are null at first.

class Line {
  first = null;
  last = null;

  push(one) {
    const { last } = this;
    one.line = this;
    one.previous = last;
    one.next = null;
    if (last === null) this.first = one;
    else last.next = one;
    this.last = one;
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
