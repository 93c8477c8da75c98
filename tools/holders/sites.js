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
    for (const cell of profile.cells) this.#add(cell);
  }

  #add({ site, sizeClass, event, bytes }) {
    const live = itemOf(this.#live, sizeClass, () => new Map());
    if (event === BORN) {
      plus(live, site, bytes);
      plus(this.#allocated, this.#sites.get(site).line, bytes);
    } else if ([DIED, DIED_OLD, TRANSFERRED].includes(event)) plus(live, site, -bytes);
  }

  /** `{ allocated, stack }`: the bytes that the line of a site allocated, and the names of its functions; undefined if the profile has lost the site. */
  of(id) {
    const { frames, line } = this.#sites.get(id) ?? {};
    return (
      frames && { allocated: this.#allocated.get(line), stack: frames.map((one) => one.function) }
    );
  }

  /** For each of these sizes, yields the site with the most live bytes in its size class: `[id, line, bytes]`. */
  *guess(sizes) {
    for (const bytes of sizes) {
      const live = [...(this.#live.get(sizeClassOf(bytes)) ?? [])];
      if (live.length === 0) continue;
      const [id] = live.reduce((a, b) => (b[1] > a[1] ? b : a));
      yield [id, this.#sites.get(id).line, bytes];
    }
  }
}

module.exports = { ProfiledSites };
