'use strict';

/** For people: `the slab 'frames'`, and `a slab` where it has no name. */
function named(kind, name) {
  if (name !== '') return `the ${kind} '${name}'`;
  return `${kind === 'arena' ? 'an' : 'a'} ${kind}`;
}

module.exports = { named };
