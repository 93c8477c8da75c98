'use strict';

// Who has read what. Nobody reads it, and nothing leaves it: a leak, such as services have. `ralloc bake` says of its line `leave`, `never-ends`:
// there is no memory that it would be better in. It has to be mended, or to be small.

const EVERY = 64; // pages

const entries = [];

exports.note = function note(user, page) {
  if (page % EVERY === 0) entries.push(Buffer.from(`${user} has read ${page}\n`));
};
