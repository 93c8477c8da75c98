'use strict';

// The figures of a region: stats(), of which types/region.d.ts describes every field, as gauge or
// counter; util.inspect(); and the error for what it cannot allocate.

const { formatBytes, many } = require('../base/bytes.js');
const { refusal } = require('../base/errors.js');
const { backend } = require('../memory/native.js');
const { PAGE } = require('./chunks.js');
const { mayFit } = require('./options.js');
const { AFTER, CLEAN, GRANULE, MARK, SIZE, START } = require('./record.js');

/**
 * Counts the spans, and the bytes of pages that no block has touched since they were new or given
 * back.
 */
function lookAt({ chunks, spans: { table } }) {
  let count = 0;
  let clean = 0;
  for (const chunk of chunks.all) {
    if (chunk === null || chunk.isLost) continue;
    for (let id = chunk.first; id >= 0; id = table[id + AFTER]) {
      count++;
      if (table[id + MARK] !== CLEAN) continue;
      const start = table[id + START] * GRANULE;
      const end = start + table[id + SIZE] * GRANULE;
      clean += Math.max(0, Math.floor(end / PAGE) - Math.ceil(start / PAGE)) * PAGE;
    }
  }
  return { count, clean };
}

/** The figures that do not need a look at every span. */
function regionFigures(core) {
  core.settle();
  const { settings, chunks, spans, isLive } = core;
  chunks.checkAll();
  const reserved = isLive ? chunks.bytes : 0;
  const used = spans.heldGranules * GRANULE;
  const free = reserved - used;
  const largestFree = spans.largestFree() * GRANULE;
  return {
    name: settings.name,
    backend,
    live: isLive,
    limit: settings.maxBytes,
    taken: chunks.budget.used,
    reserved,
    used,
    free,
    largestFree,
    fragmentation: free === 0 ? 0 : 1 - largestFree / free,
    held: core.held,
    refused: core.refused,
    failed: core.failed,
    collected: core.collector.collected,
  };
}

function regionStats(core) {
  const figures = regionFigures(core);
  const { chunks, spans, isLive } = core;
  const { count, clean } = isLive ? lookAt(core) : { count: 0, clean: 0 };
  const metadata = isLive ? chunks.besides : chunks.metadata;
  return {
    ...figures,
    metadata,
    committed: isLive ? figures.reserved + metadata - clean : 0,
    inFlight: spans.waiting,
    spans: count,
    chunks: isLive ? core.chunkCount : 0,
    guarded: core.guarded.stats(),
  };
}

function describeRegion(core) {
  const { name, backend: of, live, held, used, reserved, limit } = regionFigures(core);
  const parts = [
    live ? 'live' : 'closed',
    many(held, 'Buffer'),
    `${formatBytes(used)} of ${formatBytes(reserved)} used`,
    `at most ${formatBytes(limit)}`,
    of,
  ];
  return `Region${name === '' ? '' : ` '${name}'`} { ${parts.join(', ')} }`;
}

/** How to make room; undefined if nothing would. */
function remedyOf(held, inFlight, waiting) {
  if (held > 0) return 'free Buffers first';
  if (inFlight > 0) return 'wait for the operations';
  return waiting > 0 ? 'let the event loop turn, for a garbage collection' : undefined;
}

/** The error for an allocation of `requested` bytes that failed. */
function refusedError(core, failure, requested) {
  if (failure.share !== undefined) return failure.share.refusal(failure.need);
  const { spans, chunks } = core;
  const { heldGranules, waiting: inFlight } = spans;
  const { budget, bytes, besides } = chunks;
  const blocks = spans.held;
  const used = heldGranules * GRANULE;
  const parts = [`${formatBytes(used)} in ${many(blocks, 'Buffer')}`];
  if (inFlight > 0) parts.push(`${inFlight} of them freed, and used by operations of Node`);
  if (bytes > used) parts.push(`${formatBytes(bytes - used)} free, in pieces that are too small`);
  parts.push(`${formatBytes(besides)} of records`);
  const waiting = budget.used - bytes - besides;
  if (waiting > 0) parts.push(`${formatBytes(waiting)} waiting for the garbage collector`);
  const remedy = mayFit(core, requested)
    ? remedyOf(blocks - inFlight, inFlight, waiting)
    : undefined;
  return refusal(failure, budget.about, requested, { usage: { parts, remedy } });
}

module.exports = { regionFigures, regionStats, describeRegion, refusedError };
