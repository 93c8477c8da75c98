'use strict';

// The process that compresses. A message { id, input, output } has the tokens of two Buffers, one with the bytes and one
// with room for the result. The answer { id, token, length } has the second again, and how much of it is the result.

const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { Slab } = require('ralloc');

const SLAB_FD = 4; // after stdin, stdout, stderr and the channel for messages
const gzip = promisify(zlib.gzip);
const level = zlib.constants.Z_BEST_SPEED;

const slab = Slab.open(SLAB_FD);

/** Where the parent has gone, 'disconnect' says so. */
const tell = (message) => process.send(message, () => {});

process.on('message', async ({ id, input, output }) => {
  const body = slab.receive(input);
  const room = slab.receive(output);
  const packed = await gzip(body, { level });
  slab.free(body);
  packed.copy(room);
  tell({ id, token: slab.send(room), length: packed.length });
});

process.on('SIGINT', () => {}); // Ctrl-C reaches the group: the parent says when it is over
process.on('disconnect', () => process.exit());
tell({ ready: true });
