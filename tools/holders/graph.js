'use strict';

// The objects of a heap snapshot, and the shortest way on which each is held. Some 21 bytes an object and 9 an edge; texts stay in the file.

const { HeapFile } = require('./heap-file.js');

const BACKING = 'system / JSArrayBufferData';

/** Classes of the recorder (tools/recorder/): what they hold, they do not keep alive for the application. */
const OURS = ['RecordedRequest', 'RecordedPins'];

/** What is on the stack is there for the moment, and what the interpreter left in its registers is not used any more: other ways count first. */
const LATE = ['(Stack roots)', '(Handle scope)'];

const LABELS = ['buffer', 'shared', 'script', 'script_or_debug_info', 'site', 'text'];
const KNOWN = new Set([BACKING, 'RecordedSite', ...OURS, ...LATE, ...LABELS]);
const LONGEST = Math.max(...Array.from(KNOWN, (name) => name.length));

/** What V8 calls the two edges to a value of a WeakMap: of the key, which counts, and of the table. */
const PAIR = ' / part of key (';
const isDigit = (byte) => byte >= 0x30 && byte <= 0x39;

const FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count']; // of a node

const ROOT = 0xffffffff;

class Graph {
  #file;
  #types; // by node, as the next two
  #names;
  #first; // edge; one more, which is the end of the last
  #ids;
  #sizes = new Map(); // of native nodes
  #edgeTypes;
  #edgeNames;
  #targets;
  #parents; // the edge by which a node is reached first, + 1
  #lines = []; // node, line, …
  #offsets = []; // of texts
  #texts = new Map();
  #known = new Map(); // of KNOWN, and of ids: text → its number
  #pairs = new Set(); // numbers of texts
  #type;
  #edge;
  /** [a key of the recorder's WeakMap, its RecordedSite] */
  #sampled = [];

  /** `ids`: texts, of which `has()` says whether they are there. `piece`: bytes that are read at once. */
  constructor(file, ids = [], piece = undefined) {
    this.#file = new HeapFile(file, piece);
    try {
      this.#read(new Set(ids));
    } catch (error) {
      this.close();
      throw error;
    }
    this.#walk();
  }

  close() {
    this.#file.close();
  }

  #read(ids) {
    const file = this.#file;
    const { meta, node_count: nodes, edge_count: edges } = file.head();
    const width = meta?.node_fields?.length;
    const isKnown = meta?.node_types?.[0] && meta.edge_types?.[0] && meta.location_fields;
    // A number and a comma are 2 bytes.
    if (!isKnown || !(2 * (width * nodes + 3 * edges) < file.size)) throw file.damage;
    const numberOf = (types) => Object.fromEntries(types.map((name, number) => [name, number]));
    this.#type = numberOf(meta.node_types[0]);
    this.#edge = numberOf(meta.edge_types[0]);
    this.#readNodes(meta.node_fields, nodes);
    file.until('"edges":[');
    this.#readEdges(width, edges);
    file.until('"locations":[');
    let field = 0;
    file.numbers((value) => {
      if (field === 0) this.#lines.push(value / width);
      else if (field === 2) this.#lines.push(value + 1);
      field = (field + 1) % meta.location_fields.length;
    });
    file.until('"strings":[');
    const end = file.texts((bytes, from, to, offset) => {
      if (to - from <= LONGEST) this.#know(bytes.latin1Slice(from, to), ids);
      else if (
        isDigit(bytes[from]) &&
        bytes.latin1Slice(from, Math.min(to, from + 40)).includes(PAIR)
      ) {
        this.#pairs.add(this.#offsets.length);
      }
      this.#offsets.push(offset);
    });
    this.#offsets.push(end);
  }

  #know(text, ids) {
    if (KNOWN.has(text) || ids.has(text)) this.#known.set(text, this.#offsets.length);
  }

  #readNodes(fields, count) {
    const [type, name, id, size, edges] = FIELDS.map((one) => fields.indexOf(one));
    const types = new Uint8Array(count);
    const [names, ids, first] = [0, 0, 1].map((more) => new Uint32Array(count + more));
    const sizes = this.#sizes;
    const { native } = this.#type;
    let [node, field] = [0, 0];
    this.#file.numbers((value) => {
      if (field === type) types[node] = value;
      else if (field === name) names[node] = value;
      else if (field === id) ids[node] = value;
      else if (field === size && types[node] === native) sizes.set(node, value);
      else if (field === edges) first[node + 1] = first[node] + value;
      if (++field < fields.length) return;
      field = 0;
      node++;
    });
    if (node !== count || field !== 0) throw this.#file.damage;
    [this.#types, this.#names, this.#ids] = [types, names, ids];
    this.#first = first;
  }

  #readEdges(width, count) {
    const types = new Uint8Array(count);
    const [names, targets] = [0, 0].map(() => new Uint32Array(count));
    let [edge, field] = [0, 0];
    this.#file.numbers((value) => {
      if (field === 0) types[edge] = value;
      else if (field === 1) names[edge] = value;
      else targets[edge] = value / width;
      field = (field + 1) % 3;
      if (field === 0) edge++;
    });
    if (edge !== count || field !== 0 || this.#first.at(-1) !== count) throw this.#file.damage;
    [this.#edgeTypes, this.#edgeNames, this.#targets] = [types, names, targets];
  }

  /** From the roots, in rings. */
  #walk() {
    const [types, names, first] = [this.#types, this.#names, this.#first];
    const [edgeTypes, targets, edge] = [this.#edgeTypes, this.#targets, this.#edge];
    const numbersOf = (list) => new Set(list.map((name) => this.#known.get(name)));
    const [ours, late] = [numbersOf(OURS), numbersOf(LATE)];
    const parents = new Uint32Array(types.length);
    const queue = new Uint32Array(types.length);
    const waiting = [];
    this.#parents = parents;
    let end = 1;
    parents[0] = ROOT;
    for (let at = 0; at < end; at++) {
      const node = queue[at];
      const isOurs = types[node] === this.#type.object && ours.has(names[node]);
      for (let e = isOurs ? first[node + 1] : first[node]; e < first[node + 1]; e++) {
        if (edgeTypes[e] === edge.weak) continue;
        const to = targets[e];
        if (edgeTypes[e] === edge.internal && this.#isOfTable(node, e, to)) continue;
        if (parents[to] !== 0) continue;
        parents[to] = e + 1;
        if (types[to] === this.#type.synthetic && late.has(names[to])) waiting.push(to);
        else queue[end++] = to;
      }
      if (at + 1 === end) for (const to of waiting.splice(0)) queue[end++] = to;
    }
  }

  /** Whether an edge is of a WeakMap, and none by which something is held: it ends at the value, and begins at the table, or the value is the recorder's. */
  #isOfTable(node, e, value) {
    if (!this.#pairs.has(this.#edgeNames[e])) return false;
    if (this.#types[node] === this.#type.array) return true;
    const site = this.#child(value, 'site');
    if (site === undefined || !this.#isNamed(site, 'RecordedSite')) return false;
    this.#sampled.push([node, site]);
    return true;
  }

  #isNamed(node, name) {
    return this.#names[node] === this.#known.get(name);
  }

  /** And no text that reads so. */
  #isMemory(node) {
    return this.#types[node] === this.#type.native && this.#isNamed(node, BACKING);
  }

  /** What the edge with this name ends at. */
  #child(node, label) {
    const name = this.#known.get(label);
    for (let e = this.#first[node]; e < this.#first[node + 1]; e++) {
      if (this.#edgeNames[e] === name && this.#hasName(e)) return this.#targets[e];
    }
    return undefined;
  }

  /** Others have a number. */
  #hasName(e) {
    return this.#edgeTypes[e] !== this.#edge.element && this.#edgeTypes[e] !== this.#edge.hidden;
  }

  #text(number) {
    let text = this.#texts.get(number);
    if (text === undefined) {
      text = this.#file.textAt(this.#offsets[number], this.#offsets[number + 1]);
      this.#texts.set(number, text);
    }
    return text;
  }

  /** Whether this text, of `ids`, is in the heap. */
  has(id) {
    return this.#known.has(id);
  }

  /** Whether the process was recorded, and anything that it allocated is there. */
  get isRecorded() {
    return this.#known.has('RecordedSite');
  }

  /** The memory of each ArrayBuffer: `{ node, id, bytes }`. `id`: the same in all snapshots of a process. */
  *memory() {
    for (let node = 0; node < this.#names.length; node++) {
      if (!this.#isMemory(node)) continue;
      const owner = this.#parents[node] === 0 ? node : this.#parentOf(node);
      yield { node, id: this.#ids[owner], bytes: this.#sizes.get(node) };
    }
  }

  /** Node of memory() → texts of the sites that it was sampled for: see RecordedSite. */
  sites() {
    const sites = new Map();
    for (const [key, site] of this.#sampled) {
      const text = this.#child(site, 'text');
      const memory = this.#memoryOf(key);
      if (text === undefined || memory === undefined) continue;
      if (!sites.has(memory)) sites.set(memory, []);
      sites.get(memory).push(this.#text(this.#names[text]));
    }
    return sites;
  }

  /** Of an ArrayBuffer, or a view. */
  #memoryOf(node) {
    for (let e = this.#first[node]; e < this.#first[node + 1]; e++) {
      if (this.#isMemory(this.#targets[e])) return this.#targets[e];
    }
    const buffer = this.#child(node, 'buffer');
    return buffer === undefined ? undefined : this.#memoryOf(buffer);
  }

  #parentOf(node) {
    const edge = this.#parents[node] - 1;
    let [low, high] = [0, this.#names.length];
    // The last node whose edges begin there or before.
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#first[middle] <= edge) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The last step of the shortest way to a node, for describe(); from the root where nothing holds it. */
  stepTo(node) {
    const edge = this.#parents[node] - 1;
    return edge === -1 ? { node, from: 0 } : { node, from: this.#parentOf(node), edge };
  }

  /** `label`: what the edge is called, by name or number; `siblings`: how many edges its `holder` has. */
  describe({ node, from, edge }) {
    const { object, synthetic, closure } = this.#type;
    const { property, context } = this.#edge;
    const type = this.#types[node];
    const name = this.#edgeNames[edge];
    return {
      node,
      label:
        this.#types[from] === synthetic ? '' : this.#hasName(edge) ? this.#text(name) : `${name}`,
      isProperty: [property, context].includes(this.#edgeTypes[edge]),
      siblings: this.#first[from + 1] - this.#first[from],
      holder: this.#text(this.#names[from]),
      isObject: type === object,
      isRoot: type === synthetic,
      isClosure: type === closure,
      name: this.#text(this.#names[node]),
    };
  }

  /** Where a function is: `{ file, line }`, or nothing. */
  placeOf(closure) {
    const shared = this.#child(closure, 'shared') ?? closure;
    const script = this.#child(shared, 'script') ?? this.#child(shared, 'script_or_debug_info');
    if (script === undefined) return {};
    let at = 0;
    while (at < this.#lines.length && this.#lines[at] !== closure) at += 2;
    return { file: this.#text(this.#names[script]), line: this.#lines[at + 1] };
  }
}

module.exports = { Graph };
