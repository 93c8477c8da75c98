'use strict';

// Where the arena of a request comes from: for each allocator a function that gives `lease(res)`, or null for ralloc's own
// adapter of the framework. All have the same three functions: allocUnsafe, concat, hold.

const pooled = require('./pool.js');

const nodes = {
  allocUnsafe: Buffer.allocUnsafe,
  concat: Buffer.concat,
  hold: (promise) => promise,
};

const zeroed = {
  allocUnsafe: Buffer.alloc,
  concat(list) {
    const whole = Buffer.alloc(list.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of list) at += part.copy(whole, at);
    return whole;
  },
  hold: (promise) => promise,
};

module.exports = {
  ralloc: () => null,
  allocUnsafe: () => () => nodes,
  alloc: () => () => zeroed,
  pool: () => pooled(),
};
