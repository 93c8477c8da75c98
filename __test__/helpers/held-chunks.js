'use strict';

// Holds of all kinds that methods of Node end, which are replaced with the first of them.

const { ServerResponse } = require('node:http');
const { Readable } = require('node:stream');

class Source extends Readable {
  _read() {}
}

function holdChunks() {
  const { Arena } = require('../../lib/index.js');
  const arena = new Arena({ guard: true });
  new Source().push(arena.alloc(8));
  new ServerResponse({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 }).write(
    arena.alloc(8),
  );
}

module.exports = { holdChunks };
