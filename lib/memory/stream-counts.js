'use strict';

// Counters of lib/node/compressors.js, files.js and pool-size.js in this thread, which are loaded
// by their first use. stats() shows them; types/node.d.ts describes them.

module.exports = {
  compressors: {
    ...{ made: 0, reused: 0, idle: 0, left: 0 },
    closed: { unfinished: 0, cheap: 0, full: 0, rest: 0 },
  },
  files: { open: 0, streams: 0, reads: 0, reused: 0, idle: 0, left: 0 },
  pool: { size: 0, from: 0, since: 0, asked: 0, alive: 0, pinned: 0, perBuffer: 0 },
  streams: { watched: 0, left: { sink: 0, readers: 0 }, chunks: 0 },
};
