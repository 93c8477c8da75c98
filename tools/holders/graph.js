'use strict';

// The objects of a heap snapshot, and the shortest path that holds each. Takes some 25 bytes per
// object and 9 per edge; texts stay in the file.

const { itemOf } = require('../../lib/base/item-of.js');
const { shortPath } = require('../report/lines.js');
const { HeapFile } = require('./heap-file.js');

const BACKING = 'system / JSArrayBufferData';

/**
 * Classes of the recorder (tools/recorder/). The application does not hold what they hold, so paths
 * through them are left out.
 */
const OURS = ['RecordedRequest', 'RecordedPins'];

/**
 * Roots that are used only for objects without another path: the stack holds objects for a moment,
 * and the interpreter's registers may hold unused ones.
 */
const LATE = ['(Stack roots)', '(Handle scope)'];

const LABELS = ['buffer', 'shared', 'script', 'script_or_debug_info', 'site', 'text'];
const KNOWN = new Set([BACKING, 'RecordedSite', ...OURS, ...LATE, ...LABELS]);
const MOST_LETTERS = 40; // to look at of a text; all in KNOWN are shorter

/**
 * Part of the name of the two edges to a value in a WeakMap: one from the key, which counts, and
 * one from the table.
 */
const PAIR = ' / part of key (';
const NINE = 0x39; // the digit

const FIELDS = ['type', 'name', 'id', 'self_size', 'edge_count']; // of a node

const ROOT = 0xffffffff;

/** If an object has more properties, they are treated like elements of an array, all alike. */
const MOST_PROPERTIES = 128;

const ONE = '[]'; // stands for any element of a list

class Graph {
  #file;
  #types; // by node, like #names and #ids
  #names;
  #first; // node → its first edge; one more entry marks the end of the last node's
  #ids;
  #sizes = new Map(); // of native nodes
  #edgeTypes;
  #edgeNames;
  #targets;
  #reached; // node → 1 + the edge by which it is reached first
  #parents; // node → where that edge begins; the root if there is none
  #lines = new Map(); // by node
  #offsets = []; // number of a text → where it is in the file
  #texts = new Map();
  #known = new Map(); // text in KNOWN or `ids` → its number
  #pairs = new Set(); // numbers of the texts that contain PAIR
  #type;
  #edge;
  #sampled = []; // [a key of the recorder's WeakMap, its RecordedSite]

  /** `ids`: the texts that `has()` can be asked for. `piece`: how many bytes one read takes. */
  constructor(file, ids = [], piece = undefined) {
    this.#file = new HeapFile(file, piece);
    this.#read(new Set(ids));
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
    file.rows(meta.location_fields.length, ([node, , line]) => {
      this.#lines.set(node / width, line + 1);
    });
    file.until('"strings":[');
    const end = file.texts((bytes, from, to, offset) => {
      const number = this.#offsets.push(offset) - 1;
      // A long text can only be that of a pair, which begins with a digit. To decode the others too
      // would make reading up to a quarter slower.
      if (to - from > MOST_LETTERS && bytes[from] > NINE) return;
      const text = bytes.latin1Slice(from, Math.min(to, from + MOST_LETTERS));
      if (KNOWN.has(text) || ids.has(text)) this.#known.set(text, number);
      else if (text.includes(PAIR)) this.#pairs.add(number);
    });
    this.#offsets.push(end);
  }

  #readNodes(fields, count) {
    const [type, name, id, size, edges] = FIELDS.map((one) => fields.indexOf(one));
    this.#types = new Uint8Array(count);
    [this.#names, this.#ids, this.#first] = [0, 0, 1].map((more) => new Uint32Array(count + more));
    const { native } = this.#type;
    const each = (row, node) => {
      this.#types[node] = row[type];
      this.#names[node] = row[name];
      this.#ids[node] = row[id];
      this.#first[node + 1] = this.#first[node] + row[edges];
      if (row[type] === native) this.#sizes.set(node, row[size]);
    };
    this.#file.rows(fields.length, each, count);
  }

  #readEdges(width, count) {
    this.#edgeTypes = new Uint8Array(count);
    [this.#edgeNames, this.#targets] = [0, 0].map(() => new Uint32Array(count));
    const each = ([type, name, to], edge) => {
      this.#edgeTypes[edge] = type;
      this.#edgeNames[edge] = name;
      this.#targets[edge] = to / width;
    };
    this.#file.rows(3, each, count);
    if (this.#first.at(-1) !== count) throw this.#file.damage;
  }

  /** Visits all nodes breadth first, from the roots. */
  #walk() {
    const [types, names, first] = [this.#types, this.#names, this.#first];
    const [edgeTypes, targets, edge] = [this.#edgeTypes, this.#targets, this.#edge];
    const numbersOf = (list) => new Set(list.map((name) => this.#known.get(name)));
    const [ours, late] = [numbersOf(OURS), numbersOf(LATE)];
    const [reached, parents, queue] = [0, 0, 0].map(() => new Uint32Array(types.length));
    const waiting = [];
    [this.#reached, this.#parents] = [reached, parents];
    let end = 1;
    reached[0] = ROOT;
    for (let at = 0; at < end; at++) {
      const node = queue[at];
      const isOurs = types[node] === this.#type.object && ours.has(names[node]);
      for (let e = isOurs ? first[node + 1] : first[node]; e < first[node + 1]; e++) {
        if (edgeTypes[e] === edge.weak) continue;
        const to = targets[e];
        if (edgeTypes[e] === edge.internal && this.#isOfTable(node, e, to)) continue;
        if (reached[to] !== 0) continue;
        reached[to] = e + 1;
        parents[to] = node;
        if (types[to] === this.#type.synthetic && late.has(names[to])) waiting.push(to);
        else queue[end++] = to;
      }
      if (at + 1 === end) for (const to of waiting.splice(0)) queue[end++] = to;
    }
  }

  /**
   * Whether this edge to a value in a WeakMap holds nothing for the application: it begins at the
   * table, or the WeakMap is the recorder's.
   */
  #isOfTable(node, e, value) {
    if (!this.#pairs.has(this.#edgeNames[e])) return false;
    if (this.#types[node] === this.#type.array) return true;
    const site = this.#child(value, 'site');
    const isOurs = site !== undefined && this.#names[site] === this.#known.get('RecordedSite');
    if (isOurs) this.#sampled.push([node, site]);
    return isOurs;
  }

  /** Whether a node is the memory of an ArrayBuffer; a text may have the same name. */
  #isMemory(node) {
    const isNative = this.#types[node] === this.#type.native;
    return isNative && this.#names[node] === this.#known.get(BACKING);
  }

  #child(node, label) {
    const name = this.#known.get(label);
    for (let e = this.#first[node]; e < this.#first[node + 1]; e++) {
      if (this.#edgeNames[e] === name && this.#hasName(e)) return this.#targets[e];
    }
    return undefined;
  }

  #hasName(e) {
    return this.#edgeTypes[e] !== this.#edge.element && this.#edgeTypes[e] !== this.#edge.hidden;
  }

  #text(number) {
    const [from, to] = [this.#offsets[number], this.#offsets[number + 1]];
    return itemOf(this.#texts, number, () => this.#file.textAt(from, to));
  }

  has(id) {
    return this.#known.has(id);
  }

  /** Whether the heap contains samples of a recorder. */
  get isRecorded() {
    return this.#known.has('RecordedSite');
  }

  /**
   * The memory of each ArrayBuffer: `{ node, id, bytes }`. `id`: the same in all snapshots of a
   * process.
   */
  *memory() {
    for (let node = 0; node < this.#names.length; node++) {
      if (!this.#isMemory(node)) continue;
      const owner = this.#reached[node] === 0 ? node : this.#parents[node];
      yield { node, id: this.#ids[owner], bytes: this.#sizes.get(node) };
    }
  }

  /**
   * Node of memory() → lines that allocated it → the ids of their sites: see the text of a
   * RecordedSite.
   */
  sites() {
    const sites = new Map();
    for (const [key, site] of this.#sampled) {
      const text = this.#child(site, 'text');
      const memory = this.#memoryOf(key);
      if (text === undefined || memory === undefined) continue;
      const told = this.#text(this.#names[text]);
      itemOf(sites, memory, () => new Map()).set(told.slice(17), told.slice(0, 16));
    }
    return sites;
  }

  /** The memory of an ArrayBuffer or a view. */
  #memoryOf(node) {
    for (let e = this.#first[node]; e < this.#first[node + 1]; e++) {
      if (this.#isMemory(this.#targets[e])) return this.#targets[e];
    }
    const buffer = this.#child(node, 'buffer');
    return buffer === undefined ? undefined : this.#memoryOf(buffer);
  }

  /**
   * The last step of the shortest path to a node: where it begins (at the root if nothing holds
   * it), and its text, empty if the application's code has no name for it.
   */
  stepTo(node) {
    const from = this.#parents[node];
    const name = this.#nameOf(node);
    const label = this.#labelOf(from, this.#reached[node] - 1, node);
    const text = name === '' && label === ONE ? '' : [label, name].filter(Boolean).join(': ');
    return { node, from, text };
  }

  /** The name of a node as the application's code has it; empty for V8's own nodes. */
  #nameOf(node) {
    const { object, synthetic, closure } = this.#type;
    const type = this.#types[node];
    if (type !== object && type !== synthetic && type !== closure) return '';
    const name = this.#text(this.#names[node]);
    if (type === closure) return `${name || 'anonymous'}()${this.#whereOf(node)}`;
    const isOfV8 = type === object ? name.startsWith('system / ') : name === '(GC roots)';
    return isOfV8 ? '' : name;
  }

  /**
   * The property or list by which its holder has a node; empty if the application's code has no
   * name for that.
   */
  #labelOf(holder, edge, node) {
    const { synthetic } = this.#type;
    if (this.#types[holder] === synthetic || this.#types[node] === synthetic) return '';
    const number = this.#edgeNames[edge];
    const label = this.#hasName(edge) ? this.#text(number) : `${number}`;
    const { property, context } = this.#edge;
    if (this.#edgeTypes[edge] === property || this.#edgeTypes[edge] === context) {
      const isMember = this.#first[holder + 1] - this.#first[holder] <= MOST_PROPERTIES;
      return isMember || this.#text(this.#names[holder]).startsWith('global') ? label : ONE;
    }
    if (label.includes(PAIR)) return 'WeakMap';
    return /^\d+$/.test(label) ? ONE : '';
  }

  /** ` file:line` of a function; empty if unknown. */
  #whereOf(closure) {
    const shared = this.#child(closure, 'shared') ?? closure;
    const script = this.#child(shared, 'script') ?? this.#child(shared, 'script_or_debug_info');
    if (script === undefined) return '';
    const file = shortPath(this.#text(this.#names[script]), process.cwd());
    return ` ${file}:${this.#lines.get(closure)}`;
  }
}

module.exports = { Graph };
