'use strict';

// Where holds were taken, with RALLOC_DEBUG: for the warning of one that nobody releases.

const stacks = new WeakMap(); // epoch → [{ hold, stack }]

function noteStack(epoch, hold) {
  const { stack } = new Error('the hold was taken');
  const all = stacks.get(epoch) ?? [];
  all.push({ hold, stack });
  stacks.set(epoch, all);
}

/** The stack of the oldest hold of `epoch` that is open; undefined if nobody noted it. */
const stackOf = (epoch) => stacks.get(epoch)?.find(({ hold }) => hold.isOpen)?.stack;

module.exports = { noteStack, stackOf };
