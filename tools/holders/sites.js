'use strict';

// Finds the sites of a profile that a heap snapshot names; if it names none, guesses them by size.

const { itemOf } = require('../../lib/base/item-of.js');
const { sizeClassOf } = require('../recorder/buckets.js');
const { BORN, DIED, DIED_OLD, TRANSFERRED } = require('../recorder/events.js').events;
const { placeOf } = require('../report/lines.js');

/** The line of a site, written as in a snapshot: see RecordedSite. */
function lineOf({ source, route, frames }) {
  const { file, line, column, function: name } = placeOf(frames) ?? {};
  return `${source} ${file === undefined ? route : `${name} ${file}:${line}:${column}`}`;
}

const plus = (sums, key, bytes) => sums.set(key, (sums.get(key) ?? 0) + bytes);

class ProfiledSites {
  #sites; // id → its definition, and its line
  #allocated = new Map(); // line → bytes
  #live = new Map(); // size class → id → bytes

  constructor(profile) {
    this.#sites = new Map(profile.sites.map((site) => [site.id, { ...site, line: lineOf(site) }]));
    for (const { site, sizeClass, event, bytes } of profile.cells) {
      if (![BORN, DIED, DIED_OLD, TRANSFERRED].includes(event)) continue;
      const live = itemOf(this.#live, sizeClass, () => new Map());
      plus(live, site, event === BORN ? bytes : -bytes);
      if (event === BORN) plus(this.#allocated, this.#sites.get(site).line, bytes);
    }
  }

  /** `{ allocated, stack }`: the bytes that the line of a site allocated, and the names of its functions; `{}` if the profile has lost the site. */
  of(id) {
    const { frames, line } = this.#sites.get(id) ?? {};
    return { allocated: this.#allocated.get(line), stack: frames?.map((one) => one.function) };
  }

  /** For each of these sizes, yields the site with the most live bytes in its size class: `[id, line, bytes]`. */
  *guess(sizes) {
    for (const bytes of sizes) {
      const [most] = [...(this.#live.get(sizeClassOf(bytes)) ?? [])].sort((a, b) => b[1] - a[1]);
      if (most !== undefined) yield [most[0], this.#sites.get(most[0]).line, bytes];
    }
  }
}

module.exports = { ProfiledSites };
