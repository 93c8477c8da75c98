'use strict';

// stats() and util.inspect() of a region. types/region.d.ts describes every field, as gauge or
// counter.

const { formatBytes, many } = require('../base/bytes.js');
const { backend } = require('../memory/native.js');
const { PAGE } = require('./chunks.js');
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

module.exports = { regionFigures, regionStats, describeRegion };
