'use strict';

// What was posted, read in the best way that each allocator has.

const { once } = require('node:events');

const LIMIT = 2 * 1024 * 1024;

/** The body of a request, of Node's, in one Buffer of `arena`. */
async function gather(req, arena) {
  if (arena.body !== undefined) return arena.body({ limit: LIMIT });
  const body = arena.allocUnsafe(Number(req.headers['content-length']));
  let length = 0;
  req.on('data', (chunk) => (length += chunk.copy(body, length)));
  await once(req, 'end');
  return body;
}

/** Calls take(chunk) for each chunk of it. */
async function each(req, arena, take) {
  if (arena.chunks !== undefined) {
    for (const chunk of await arena.chunks({ limit: LIMIT })) take(chunk);
    return;
  }
  req.on('data', take);
  await once(req, 'end');
}

/** The two for one request: what handlers are given of it. */
const readers = (req, arena) => ({
  body: () => gather(req, arena),
  each: (take) => each(req, arena, take),
});

module.exports = { readers };
