'use strict';

// Where `req.arena` comes from in each server: a middleware for every allocator, all with the same
// three functions (allocUnsafe, concat, hold).

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

function always(memory) {
  return (req, _res, next) => {
    req.arena = memory;
    next();
  };
}

module.exports = {
  ralloc: () => require('../lib/index.js').requestArena(),
  allocUnsafe: () => always(nodes),
  alloc: () => always(zeroed),
  pool: () => pooled(),
};
