'use strict';

// The kinds of slabs whose pools are fixed: of this thread, of several threads, of several processes. What a Buffer does, and what
// may be done with it, is the same in all. Programs of fixtures/ use this too, so it does without ava.

const { Slab } = require('../..');
const { backend } = require('../../lib/memory/native.js');

const isNative = backend === 'native';
/** Whether children can inherit memory without a name. */
const canInherit = isNative && process.platform === 'linux';
/** Whether processes can share memory by a name. */
const canShare = canInherit || (isNative && process.platform === 'win32');

let names = 0;

/** What each participant chooses for itself. */
const own = ({ safety, guard, warnAfterMs }) => ({ safety, guard, warnAfterMs });

/** A name that ends here: those who have the slab keep it. */
function withName(take) {
  const name = `/ralloc-test-kinds-${process.pid}-${++names}`;
  try {
    return take(name);
  } finally {
    Slab.unlink(name);
  }
}

/** A second participant, whom the first leaves alone with the slab. */
function alone(first, second) {
  first.close();
  return second;
}

const local = {
  kind: 'of one thread',
  isShared: false,
  isBetween: false,
  make: (options) => new Slab(options),
};

const attached = {
  kind: 'attached',
  isShared: true,
  isBetween: false,
  make({ name, ...options }) {
    const slab = new Slab(options);
    return alone(slab, Slab.attach(slab.handle(), { ...own(options), name }));
  },
};

const created = {
  kind: 'created by name',
  isShared: true,
  isBetween: true,
  make: (options) => withName((name) => Slab.create(name, options)),
};

const opened = {
  kind: 'opened by name',
  isShared: true,
  isBetween: true,
  make: (options) =>
    withName((name) => alone(Slab.create(name, options), Slab.open(name, own(options)))),
};

const inherited = {
  kind: 'opened by descriptor',
  isShared: true,
  isBetween: true,
  make(options) {
    const slab = Slab.create(null, options);
    return alone(slab, Slab.open(slab.fd, own(options)));
  },
};

/**
 * [{ kind, isShared, isBetween, make }]: those that there are here. make(options) makes a slab with one participant; its options are
 * those that all kinds have. `isShared`: other threads may have it, `isBetween`: other processes.
 */
const kinds = [
  local,
  ...(isNative ? [attached] : []),
  ...(canShare ? [created, opened] : []),
  ...(canInherit ? [inherited] : []),
];

/** [{ title, kind, safety, isShared, isBetween, make }]: each kind in each mode. */
const modes = kinds.flatMap(({ kind, make, ...is }) =>
  ['checked', 'recycle'].map((safety) => ({
    ...is,
    kind,
    title: `${safety}, ${kind}`,
    safety,
    make: (options) => make({ safety, ...options }),
  })),
);

module.exports = { canInherit, canShare, kinds, modes };
