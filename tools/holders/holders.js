'use strict';

// Groups the ArrayBuffers of a process by the path that holds them (a "way"), and finds the sites that allocated those of each group.

const { itemOf } = require('../../lib/base/item-of.js');

/** Returns wayTo(node): the texts of the steps from the roots. Repeated ones are left out, because the members of a linked list hold each other. */
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

/** Adds to the Map `lines`: line → its sum, with the `id` of a site. */
function addLine(lines, id, line, bytes) {
  const sum = itemOf(lines, line, () => ({ id, ...newSum() }));
  add(sum, bytes);
}

/**
 * Returns `{ came, stayed, groups }` for a graph. `stayed` is the `{ bytes, count }` of the ArrayBuffers whose ids are in `before`, those of an earlier snapshot; `came` is that of all others.
 * A group has a `way`, the same two sums, and for what came the `sizes` and the `lines` that allocated the sampled part of it.
 */
function holdersOf(graph, before = new Set()) {
  const wayTo = waysIn(graph);
  const sampled = graph.sites();
  const groups = new Map();
  const sums = { came: newSum(), stayed: newSum() };
  for (const { node, id, bytes } of graph.memory()) {
    const way = wayTo(node);
    const newGroup = () => ({ way, came: newSum(), stayed: newSum(), sizes: [], lines: new Map() });
    const group = itemOf(groups, way.join('\n'), newGroup);
    const when = before.has(id) ? 'stayed' : 'came';
    add(sums[when], bytes);
    add(group[when], bytes);
    if (when === 'stayed') continue;
    group.sizes.push(bytes);
    const texts = new Map(sampled.get(node)?.map((text) => [text.slice(17), text.slice(0, 16)]));
    for (const [line, id] of texts) addLine(group.lines, id, line, bytes);
  }
  return { ...sums, groups: [...groups.values()].sort((a, b) => b.came.bytes - a.came.bytes) };
}

module.exports = { addLine, holdersOf };
