'use strict';

// Finds the ways that hold the ArrayBuffers of a process, and the sites that allocated what each of them holds.

const { shortPath } = require('../report/lines.js');

/** A property of an object with more of them is one of many, as an element of an array is. */
const MOST_PROPERTIES = 128;

const ONE = '[]'; // of many

/** What a node is to a reader of the application's code; empty for what is V8's own. */
function nameOf(graph, { node, isObject, isRoot, isClosure, name }) {
  if (isObject) return name.startsWith('system / ') ? '' : name;
  if (!isClosure) return isRoot && name !== '(GC roots)' ? name : '';
  const { file, line } = graph.placeOf(node);
  const where = file === undefined ? '' : ` ${shortPath(file, process.cwd())}:${line}`;
  return `${name || 'anonymous'}()${where}`;
}

/** As what it is reached. */
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

/** Ways, as lists of texts. */
class Ways {
  #graph;
  #known = new Map([[0, []]]); // by node

  constructor(graph) {
    this.#graph = graph;
  }

  /** From the roots. The members of a list hold each other: what is said once is not said of each. */
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

/** To the Map `lines` of sums, each with the `id` of a site. */
function addLine(lines, id, line, bytes) {
  if (!lines.has(line)) lines.set(line, { id, ...newSum() });
  add(lines.get(line), bytes);
}

/**
 * `{ came, stayed, groups }` of a graph, the former `{ bytes, count }`. `before`: the ids of an earlier snapshot, of which all else came. A group has a `way`, the same sums, and of what came
 * `sizes` and `lines`: what of it was sampled at which line.
 */
function holdersOf(graph, before = new Set()) {
  const ways = new Ways(graph);
  const sampled = graph.sites();
  const groups = new Map();
  const sums = { came: newSum(), stayed: newSum() };
  for (const { node, id, bytes } of graph.memory()) {
    const way = ways.to(node);
    const key = way.join('\n');
    const group = groups.get(key) ?? {
      way,
      came: newSum(),
      stayed: newSum(),
      sizes: [],
      lines: new Map(),
    };
    groups.set(key, group);
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
