'use strict';

// Arenas whose spans operations use, taken as the guard takes them; they end when the test says so.

const { kHolder } = require('../../lib/base/protocol.js');
const { Arena } = require('../../lib/index.js');

const KiB = 1024;

/** Arenas are known by their limit to those that closed before. */
let limit = 1024 * KiB;
const newArena = (options) => {
  limit += 4 * KiB;
  return new Arena({ maxBytes: limit, guard: true, ...options });
};

const begin = (buffer) => buffer.buffer[kHolder].take(buffer, 'fs');
const memoryOf = (arena) => arena.stats().memory;

/** A Buffer of eight bytes, all `byte`. */
const bytes = (arena, byte, size = 8) => arena.allocUnsafe(size).fill(byte);

/** Takes memory of every kind, and writes to it. */
function overwrite(arena) {
  for (const size of [1000, 60 * KiB, 200 * KiB]) arena.allocUnsafe(size).fill(0xff);
  arena.scope((scope) => scope.allocUnsafe(1000).fill(0xff).length);
}

module.exports = { newArena, begin, memoryOf, bytes, overwrite };
