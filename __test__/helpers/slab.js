'use strict';

const { stamp, sameStamp } = require('./bytes.js');

/** Every slot of a slab is in one state: `held + inFlight + cached + elsewhere + sent + free + stolen = count`. */
function addsUp(t, slab) {
  for (const pool of slab.stats().pools) t.deepEqual(unsound(pool), [], JSON.stringify(pool));
}

/** What is wrong with a pool's numbers. */
function unsound(pool) {
  const { size, count, maxCount, held, inFlight, cached, elsewhere, sent, free, stolen, peak } =
    pool;
  const problems = Object.entries(pool)
    .filter(([, value]) => !Number.isSafeInteger(value) || value < 0)
    .map(([name, value]) => `${size} B: ${name} is ${value}`);
  const sum = held + inFlight + cached + elsewhere + sent + free + stolen;
  if (sum !== count) problems.push(`${size} B: ${sum} slots of ${count}`);
  if (count > maxCount) problems.push(`${size} B: ${count} of ${maxCount} slots`);
  if (peak < held) problems.push(`${size} B: peak ${peak}, and ${held} are held`);
  return problems;
}

/** Every Buffer of `size` that can be had. */
function takeAll(slab, size = slab.sizes[0]) {
  const all = [];
  for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  return all;
}

/** All slots can be had: none was lost, and none is anywhere twice. */
function allCanBeHad(t, slab) {
  for (const { size, count } of slab.stats().pools) {
    const all = takeAll(slab, size);
    t.is(all.length, count, `of ${size} B`);
    for (const [id, buffer] of all.entries()) stamp(buffer, id);
    for (const [id, buffer] of all.entries()) sameStamp(t, buffer, id);
    for (const buffer of all) slab.free(buffer);
  }
  addsUp(t, slab);
}

module.exports = { addsUp, allCanBeHad, takeAll, unsound };
