'use strict';

/** `used + free = reserved`, and the rest of the numbers fit each other. */
function soundRegion(t, region) {
  const stats = region.stats();
  t.deepEqual(unsound(stats), [], JSON.stringify(stats));
}

/** What is wrong with the numbers of a region. */
function unsound(stats) {
  const { limit, taken, reserved, metadata, committed, used, free, largestFree } = stats;
  const { held, inFlight, spans, chunks, fragmentation, guarded, ...rest } = stats;
  const counts = { limit, taken, reserved, metadata, committed, used, free, largestFree, held };
  const problems = Object.entries({ ...counts, inFlight, spans, chunks })
    .filter(([, value]) => !Number.isSafeInteger(value) || value < 0)
    .map(([name, value]) => `${name} is ${value}`);
  const wrong = [
    [used + free === reserved, 'used and free are not what is reserved'],
    [reserved + metadata <= taken && taken <= limit, 'more is reserved than counts'],
    [committed <= reserved + metadata, 'more is committed than reserved'],
    [largestFree <= free, 'the largest free span is larger than all'],
    [held + inFlight <= spans, 'more Buffers than spans'],
    [fragmentation >= 0 && fragmentation <= 1, 'fragmentation is no part'],
    [rest.refused >= 0 && rest.failed >= 0 && rest.collected >= 0, 'a counter is below 0'],
  ];
  return [...problems, ...wrong.filter(([holds]) => !holds).map(([, what]) => what)];
}

module.exports = { soundRegion, unsound };
