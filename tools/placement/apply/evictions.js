'use strict';

// Where a Buffer that lives longer than its request is let go: the calls that take things out of what holds it.

const { calledName } = require('../../../lib/auto/source/names.js');

const PUTS = new Set(['set', 'add', 'push', 'unshift']);
const TAKES = new Set(['delete', 'clear', 'shift', 'pop', 'splice']);
const FUNCTION = /Function/;

class Evictions {
  #nodes;
  #parents;
  #file;

  constructor({ nodes, parents }, file) {
    this.#nodes = nodes;
    this.#parents = parents;
    this.#file = file;
  }

  #textOf = ({ start, end }) => this.#file.text.slice(start, end);

  /** What holds the value of `node`: texts such as `cache`, `this.#entries`. `isDeep`: also by the function that returns it. */
  #holders(node, isDeep = true) {
    let below = node;
    for (let parent = this.#parents.get(node); parent; parent = this.#parents.get(parent)) {
      const { type } = parent;
      if (type === 'CallExpression' && parent.arguments.includes(below)) {
        const { object } = parent.callee;
        if (object && PUTS.has(calledName(parent))) return [this.#textOf(object)];
      }
      if (type === 'AssignmentExpression' && parent.right === below) {
        const { left } = parent;
        if (left.type === 'MemberExpression' && left.computed) return [this.#textOf(left.object)];
        if (left.type === 'Identifier') return this.#ofName(left.name, parent, isDeep);
      }
      if (type === 'VariableDeclarator') {
        return parent.id.type === 'Identifier' ? this.#ofName(parent.id.name, parent, isDeep) : [];
      }
      if (type === 'ReturnStatement') return isDeep ? this.#ofCalls(parent) : [];
      if (FUNCTION.test(type)) return isDeep && parent.body === below ? this.#ofCalls(below) : [];
      below = parent;
    }
    return [];
  }

  #functionOf(node) {
    let parent = this.#parents.get(node);
    while (parent && !FUNCTION.test(parent.type)) parent = this.#parents.get(parent);
    return parent;
  }

  /** Of a variable: what its uses in the same function give it to. */
  #ofName(name, declared, isDeep) {
    const inside = this.#functionOf(declared) ?? { start: 0, end: Number.POSITIVE_INFINITY };
    const uses = this.#nodes.filter(
      (node) =>
        node.type === 'Identifier' &&
        node.name === name &&
        node.start > declared.end &&
        node.end <= inside.end,
    );
    return uses.flatMap((use) => this.#holders(use, isDeep));
  }

  /** Of what a function returns: what its calls in the file give that to. */
  #ofCalls(node) {
    const made = this.#functionOf(node);
    const owner = made && this.#parents.get(made);
    const name = made?.id?.name ?? owner?.id?.name ?? owner?.key?.name;
    if (name === undefined) return [];
    const calls = this.#nodes.filter(
      (one) => one.type === 'CallExpression' && calledName(one) === name,
    );
    return calls.flatMap((call) => this.#holders(call, false));
  }

  /** What takes something out of a holder. */
  #takes(holder) {
    const isOf = (node) => node?.type !== undefined && this.#textOf(node) === holder;
    return this.#nodes.filter((node) => {
      if (node.type === 'CallExpression' && TAKES.has(calledName(node))) {
        return isOf(node.callee.object);
      }
      return (
        node.type === 'UnaryExpression' && node.operator === 'delete' && isOf(node.argument.object)
      );
    });
  }

  /** `{ holders, takes }` of the call `node`: names, and `{ line, text }` of what lets go. */
  of(node) {
    const holders = [...new Set(this.#holders(node))];
    const takes = holders.flatMap((holder) => this.#takes(holder));
    return {
      holders,
      takes: takes.map((one) => ({
        line: this.#file.lineOf(one.start),
        text: this.#textOf(one).split('\n')[0],
      })),
    };
  }
}

module.exports = { Evictions };
