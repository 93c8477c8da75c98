'use strict';

// `require('ralloc').slab`: a slab that needs no set-up. It takes no memory before its first
// allocation, and gives idle memory back. It wraps none of Node's functions, since nobody has asked
// for that. If a request arena or ralloc/guard has wrapped them, operations hold its Buffers too.

const { lazySlab } = require('./slab.js');

const POOLS = 15; // 64 B to 1 MiB

const slab = lazySlab({
  name: 'default',
  sizes: Array.from({ length: POOLS }, (_, i) => 64 * 2 ** i),
  maxCount: 2 ** 30, // as many as maxBytes allows
  guard: true,
});

module.exports = { slab };
