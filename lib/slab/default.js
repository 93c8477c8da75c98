'use strict';

// `require('ralloc').slab`: for handlers that want a Buffer and no set-up. Takes no memory before its first
// allocation, and gives idle memory back.

const { lazySlab } = require('./slab.js');

const CLASSES = 15; // 64 B to 1 MiB

const slab = lazySlab({
  name: 'default',
  sizes: Array.from({ length: CLASSES }, (_, i) => 64 * 2 ** i),
  maxCount: 2 ** 30, // as many as maxBytes allows
});

module.exports = { slab };
