'use strict';

// Compares what requests are charged for with what their windows have.

const { eachWindow } = require('../../lib/arena/arena.js');
const { differ, sumOf } = require('../../lib/memory/audit.js');

function heapBytesOf(request) {
  let bytes = 0;
  eachWindow(request.arena, ({ heapBytes }) => {
    bytes += heapBytes;
  });
  return bytes;
}

/**
 * The room of a request: its limit minus what its windows may hand out and what it has on the heap.
 */
function auditRequest(request) {
  if (request.pool.isBusy) return [];
  let charged = heapBytesOf(request);
  eachWindow(request.arena, (window) => {
    for (const span of new Set(window.spans)) if (span.home === window) charged += span.end;
  });
  return differ('bytes charged to a request', request.used, charged);
}

/**
 * Checks what requests in flight have on V8's heap. `requests`: all of the middleware, or those
 * that are not over.
 */
function auditHeap(arenas, requests) {
  if (arenas.pool.isBusy) return [];
  const found = sumOf(requests, (request) => (request.isOver ? 0 : heapBytesOf(request)));
  return differ('bytes charged on the heap', arenas.heap.stats().used, found);
}

module.exports = { auditHeap, auditRequest };
