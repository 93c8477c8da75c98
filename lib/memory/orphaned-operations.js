'use strict';

// Operations of Node that nobody can end any more are over: a stream was dropped with what was written to it. To ask V8 takes
// 0.2 µs, so it is asked of those alone that something still waits for at an idle tick.

const orphans = new FinalizationRegistry((operations) => {
  operations.guard.end(operations, operations.count);
});

/** `operations`: `{ guard, count, end, isWatched }`, of which `end` is a WeakRef of the function that whoever runs them has. */
function watchOrphans(operations) {
  if (operations.isWatched) return;
  orphans.register(operations.end.deref() ?? {}, operations);
  operations.isWatched = true;
}

module.exports = { watchOrphans };
