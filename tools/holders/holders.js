'use strict';

// Groups the ArrayBuffers of a process by the path that holds them (a "way"), and finds the sites that allocated those of each group.

const { itemOf } = require('../../lib/base/item-of.js');
const { shortPath } = require('../report/lines.js');

/** If an object has more properties, they are treated like elements of an array, all alike. */
const MOST_PROPERTIES = 128;

const ONE = '[]'; // stands for any element of a list

/** The name of a node as the application's code has it; empty for V8's own nodes. */
function nameOf(graph, { node, isObject, isRoot, isClosure, name }) {
  if (isObject) return name.startsWith('system / ') ? '' : name;
  if (!isClosure) return isRoot && name !== '(GC roots)' ? name : '';
  const { file, line } = graph.placeOf(node);
  const where = file === undefined ? '' : ` ${shortPath(file, process.cwd())}:${line}`;
  return `${name || 'anonymous'}()${where}`;
}

/** The property or list by which its holder has it; empty if the application's code has no name for that. */
function labelOf({ label, isProperty, isRoot, siblings, holder }) {
  if (isRoot || label === '') return '';
  const isMember = siblings <= MOST_PROPERTIES || holder.startsWith('global');
  if (isProperty) return isMember ? label : ONE;
  if (label.includes(' / part of key (')) return 'WeakMap';
  return /^\d+$/.test(label) ? ONE : '';
}

function textOf(graph, edge) {
  const step = graph.describe(edge);
  const [name, label] = [nameOf(graph, step), labelOf(step)];
  if (name === '') return label === ONE ? '' : label;
  return label === '' ? name : `${label}: ${name}`;
}

/** Computes ways, as lists of texts. */
class Ways {
  #graph;
  #known = new Map([[0, []]]); // by node

  constructor(graph) {
    this.#graph = graph;
  }

  /** The way from the roots to a node. Repeated texts are left out, because the members of a linked list hold each other. */
  to(node) {
    const steps = [];
    let at = node;
    for (; !this.#known.has(at); at = steps.at(-1).from) steps.push(this.#graph.stepTo(at));
    let way = this.#known.get(at);
    for (const step of steps.reverse()) {
      const text = textOf(this.#graph, step);
      if (text !== '' && !way.slice(-2).includes(text)) way = [...way, text];
      this.#known.set(step.node, way);
    }
    return way.at(-1) === 'ArrayBuffer' ? way.slice(0, -1) : way;
  }
}

const newSum = () => ({ bytes: 0, count: 0 });

function add(sum, bytes) {
  sum.bytes += bytes;
  sum.count++;
}

const newGroup = (way) => ({
  ...{ way, came: newSum(), stayed: newSum() },
  ...{ sizes: [], lines: new Map() },
});

/** Adds to the Map `lines`: line → its sum, with the `id` of a site. */
function addLine(lines, id, line, bytes) {
  add(
    itemOf(lines, line, () => ({ id, ...newSum() })),
    bytes,
  );
}

/**
 * Returns `{ came, stayed, groups }` for a graph. `stayed` is the `{ bytes, count }` of the ArrayBuffers whose ids are in `before`, those of an earlier snapshot; `came` is that of all others.
 * A group has a `way`, the same two sums, and for what came the `sizes` and the `lines` that allocated the sampled part of it.
 */
function holdersOf(graph, before = new Set()) {
  const ways = new Ways(graph);
  const sampled = graph.sites();
  const groups = new Map();
  const sums = { came: newSum(), stayed: newSum() };
  for (const { node, id, bytes } of graph.memory()) {
    const way = ways.to(node);
    const group = itemOf(groups, way.join('\n'), () => newGroup(way));
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
