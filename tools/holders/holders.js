'use strict';

// Groups the ArrayBuffers of a process by the path that holds them (a "way"), and finds the sites
// that allocated those of each group: those that a heap snapshot names, or a guess by size.

const { itemOf } = require('../../lib/base/item-of.js');
const { sizeClassOf } = require('../recorder/buckets.js');
const { BORN, DIED, DIED_OLD, TRANSFERRED } = require('../recorder/events.js').events;
const { cellOf } = require('../recorder/totals.js');
const { placeOf } = require('../report/lines.js');

/**
 * Returns wayTo(node): the texts of the steps from the roots. Repeated ones are left out, because
 * the members of a linked list hold each other.
 */
function waysIn(graph) {
  const known = new Map([[0, []]]); // by node
  return (node) => {
    const steps = [];
    let at = node;
    for (; !known.has(at); at = steps.at(-1).from) steps.push(graph.stepTo(at));
    let way = known.get(at);
    for (const { node: next, text } of steps.reverse()) {
      if (text !== '' && !way.slice(-2).includes(text)) way = [...way, text];
      known.set(next, way);
    }
    return way.at(-1) === 'ArrayBuffer' ? way.slice(0, -1) : way;
  };
}

const newSum = () => ({ bytes: 0, count: 0 });

function add(sum, bytes) {
  sum.bytes += bytes;
  sum.count++;
}

/**
 * Returns `{ came, stayed, groups }`: `{ bytes, count }` of the ArrayBuffers that came, and of
 * those that stayed, with an id in `before`, of an earlier snapshot. A group has a `way`, the same
 * sums, and for what came the `lines` that allocated the sampled part, or as `profiled` guesses.
 */
function holdersOf(graph, before = new Set(), profiled = undefined) {
  const wayTo = waysIn(graph);
  const sampled = graph.sites();
  const groups = new Map();
  const sums = { came: newSum(), stayed: newSum() };
  for (const { node, id, bytes } of graph.memory()) {
    const way = wayTo(node);
    const newGroup = () => ({ way, came: newSum(), stayed: newSum(), lines: new Map() });
    const group = itemOf(groups, way.join('\n'), newGroup);
    const when = before.has(id) ? 'stayed' : 'came';
    add(sums[when], bytes);
    add(group[when], bytes);
    if (when === 'stayed') continue;
    for (const [line, site] of profiled?.guess(bytes) ?? sampled.get(node) ?? []) {
      const sum = itemOf(group.lines, line, () => ({ id: site, ...newSum() }));
      add(sum, bytes);
    }
  }
  return { ...sums, groups: [...groups.values()].sort((a, b) => b.came.bytes - a.came.bytes) };
}

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
  #guesses = new Map(); // by size class

  constructor(profile) {
    this.#sites = new Map(profile.sites.map((site) => [site.id, { ...site, line: lineOf(site) }]));
    for (const { id, line } of this.#sites.values()) {
      for (const { sizeClass, event, bytes } of profile.rowsOf(id).map(cellOf)) {
        if (![BORN, DIED, DIED_OLD, TRANSFERRED].includes(event)) continue;
        const live = itemOf(this.#live, sizeClass, () => new Map());
        plus(live, id, event === BORN ? bytes : -bytes);
        if (event === BORN) plus(this.#allocated, line, bytes);
      }
    }
  }

  /**
   * `{ allocated, stack }`: the bytes that the line of a site allocated, and the names of its
   * functions; `{}` if the profile has lost the site.
   */
  of(id) {
    const { frames, line } = this.#sites.get(id) ?? {};
    return { allocated: this.#allocated.get(line), stack: frames?.map((one) => one.function) };
  }

  /**
   * The site with the most live bytes in the size class of these: `[[line, id]]`, or an empty list.
   */
  guess(bytes) {
    const sizeClass = sizeClassOf(bytes);
    return itemOf(this.#guesses, sizeClass, () => {
      const live = [...(this.#live.get(sizeClass) ?? [])].sort((a, b) => b[1] - a[1]);
      return live.slice(0, 1).map(([id]) => [this.#sites.get(id).line, id]);
    });
  }
}

module.exports = { ProfiledSites, holdersOf };
