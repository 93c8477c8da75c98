'use strict';

// What a table says of a profile: where lifetimes fall apart, and which bytes would be elsewhere.

const { STRATEGIES } = require('../../lib/site/decisions.js');
const { bucketStart, sizeClassEnd } = require('../recorder/buckets.js');
const { evidenceOf, keyOfPlace } = require('../placement/bake/evidence.js');
const { nameIn } = require('../../lib/site/table-file.js');

/** What a name of the table is called here and in the profile, as keyOfPlace() calls a place. */
const keyOfName = ({ name }) => `site('${name}')`;

/** Of a size class: its lifetimes by bucket, and the borders that the table has, in ms. */
function sizeOf([sizeClass, histogram], borders) {
  const size = sizeClassEnd(sizeClass);
  const buckets = Array.from(histogram, (bytes, bucket) => ({ ms: bucketStart(bucket), bytes }));
  const last = buckets.findLastIndex(({ bytes }) => bytes > 0);
  return { size, borders: borders.get(size) ?? [], lifetimes: buckets.slice(0, last + 1) };
}

/** A site of the table, with what the profile has of it: 0 where it has nothing. */
function siteOf(site, title, evidence) {
  const { strategy, certainty, reason } = site;
  const { bytes = 0, samples = 0 } = evidence ?? {};
  return { title, strategy, certainty, reason, bytes, samples };
}

/** Strategy → bytes of the profile that the table has there; and `none`: of places that it does not have. */
function sumsOf(sites, all) {
  const sums = STRATEGIES.map((strategy) => ({
    strategy,
    bytes: sites
      .filter((site) => site.strategy === strategy)
      .reduce((sum, { bytes }) => sum + bytes, 0),
  }));
  const known = sums.reduce((sum, { bytes }) => sum + bytes, 0);
  return [...sums, { strategy: 'none', bytes: Math.max(0, all - known) }];
}

/**
 * Plain data for the page and for machines.
 * @param {import('../recorder/profile.js').Profile} profile
 * @param {object} table
 * @param {string} folder the table's
 */
function placementOf(profile, table, folder) {
  const { places, named, lifetimes } = evidenceOf(profile);
  const known = new Map([
    ...places.map((one) => [keyOfPlace({ ...one, file: nameIn(folder, one.file) }), one]),
    ...named.map((one) => [keyOfName(one), one]),
  ]);
  const borders = new Map(table.lifetimes.map((one) => [one.size, one.borders]));
  const sites = [
    ...table.sites.map((site) => {
      const title = `${site.file}:${site.line}:${site.column} ${site.callee}`;
      return siteOf(site, title, known.get(keyOfPlace(site)));
    }),
    ...(table.named ?? []).map((site) => siteOf(site, keyOfName(site), known.get(keyOfName(site)))),
  ].sort((a, b) => b.bytes - a.bytes);
  const all = [...places, ...named].reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    sizes: [...lifetimes].sort(([a], [b]) => a - b).map((one) => sizeOf(one, borders)),
    strategies: sumsOf(sites, all),
    sites,
  };
}

module.exports = { placementOf };
