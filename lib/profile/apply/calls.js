'use strict';

// The call of a site: whether it may be changed, by what its source says, and how.

const { hazardOf, otherBuffer } = require('./hazards.js');
const { propertyOf } = require('./names.js');
const { isText } = require('./texts.js');

/** The methods of an arena that do what Buffer's do, and how many arguments they take. */
const METHODS = { allocUnsafe: 1, alloc: 3, from: 2, concat: 2 };

const WHOLE = new Set(['|', '&', '^', '~', '>>', '>>>', '<<']);
const MADE_WHOLE = new Set(['floor', 'ceil', 'round', 'trunc', 'imul', 'clz32', 'parseInt']);
const PARTED = new Set([
  'random',
  'sqrt',
  'cbrt',
  'pow',
  'log',
  'log2',
  'log10',
  'exp',
  'parseFloat',
]);

const ofNumbers = {
  Literal: ({ value }) => typeof value === 'number' && !Number.isInteger(value),
  BinaryExpression: ({ operator, left, right }, look) => {
    if (WHOLE.has(operator)) return false;
    return operator === '/' || operator === '**' || look(left) || look(right);
  },
  LogicalExpression: ({ left, right }, look) => look(left) || look(right),
  ConditionalExpression: ({ consequent, alternate }, look) => look(consequent) || look(alternate),
  UnaryExpression: ({ operator, argument }, look) => operator !== '~' && look(argument),
  ParenthesizedExpression: ({ expression }, look) => look(expression),
  AwaitExpression: ({ argument }, look) => look(argument),
  AssignmentExpression: ({ right }, look) => look(right),
  CallExpression: ({ callee, arguments: args }, look) => {
    const name = callee.name ?? (callee.property && propertyOf(callee));
    if (MADE_WHOLE.has(name)) return false;
    return PARTED.has(name) || (callee.object?.name === 'Math' && args.some(look));
  },
  Identifier: ({ name }, look, values) => (values.get(name) ?? []).some(look),
};

/** What names of the source are given, wherever. */
function valuesOf({ nodes }) {
  const values = new Map();
  const add = (id, value) => {
    if (id?.type !== 'Identifier' || !value) return;
    values.set(id.name, [...(values.get(id.name) ?? []), value]);
  };
  for (const node of nodes) {
    if (node.type === 'VariableDeclarator') add(node.id, node.init);
    if (node.type === 'AssignmentExpression') {
      const { operator, left, right } = node;
      add(
        left,
        operator === '/=' || operator === '**='
          ? { type: 'BinaryExpression', operator: '/' }
          : right,
      );
    }
  }
  return values;
}

/** Whether a size may be no integer, which Buffer rounds down and an arena refuses. */
function mayBeParted(size, values) {
  const seen = new Set();
  const look = (node) => {
    if (!node || seen.has(node)) return false;
    seen.add(node);
    return ofNumbers[node.type]?.(node, look, values) ?? false;
  };
  return look(size);
}

/** Of each method, what its arguments must not be. */
const ARGUMENTS = {
  allocUnsafe: ([size], { values }) =>
    mayBeParted(size, values) && 'its size may be no integer, which an arena refuses',
  alloc: ([size], { values }) =>
    mayBeParted(size, values) && 'its size may be no integer, which an arena refuses',
  concat: ([, length], { values }) =>
    mayBeParted(length, values) && 'its length may be no integer, which an arena refuses',
  from: ([value, encoding], { names, values }) => {
    if (encoding?.type === 'Literal') {
      if (typeof encoding.value === 'string') return undefined;
      return 'its encoding is no text, which an arena refuses';
    }
    const given = (name) => (names.isFixed(name) ? values.get(name)?.[0] : undefined);
    if (isText(value, given)) return undefined;
    return "it may be given an ArrayBuffer, of which an arena makes a copy. With an encoding, as 'utf8', it is a text";
  },
};

/** Where the call stands as a statement of its own, which must not begin with a parenthesis. */
function beginsStatement(node, { parents }) {
  let parent = parents.get(node);
  while (parent !== undefined && parent.start === node.start) {
    if (parent.type === 'ExpressionStatement') return true;
    parent = parents.get(parent);
  }
  return false;
}

/** Why the calls of a function stay as they are, whatever the source; undefined for what an arena may have too. */
function whyNever(source) {
  if (!source.startsWith('Buffer.')) return `${source} is no function of Buffer`;
  return source === 'Buffer.allocUnsafeSlow'
    ? 'allocUnsafeSlow() says that it is to live long'
    : undefined;
}

class Calls {
  #source;
  #looked;
  #at = new Map();

  constructor(source, names, file) {
    this.#source = source;
    this.#looked = { names, values: valuesOf(source) };
    const tell = (found) => found && `${found.why} in line ${file.lineOf(found.node.start)}`;
    /** Why nothing in the file may be changed; undefined where it may. */
    this.fault = tell(otherBuffer(source, names)) ?? tell(hazardOf(source));
    for (const node of source.nodes) {
      if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') continue;
      if (node.callee.object.name === 'Buffer') this.#at.set(node.callee.object.start, node);
    }
  }

  /** The call whose `Buffer` begins there. */
  at(offset) {
    return this.#at.get(offset);
  }

  /** Why the call of a site stays as it is; undefined where it may be changed. */
  why({ offset, source }) {
    const call = this.at(offset);
    if (call === undefined) return `no call of ${source} stands there`;
    return this.fault ?? this.#whyOf(call, source);
  }

  #whyOf(node, source) {
    const { callee, arguments: args } = node;
    const name = propertyOf(callee);
    if (callee.computed || callee.optional || node.optional || source !== `Buffer.${name}`) {
      return `it is not written as ${source}(…)`;
    }
    const most = METHODS[name];
    if (most === undefined) return `an arena has no ${name}()`;
    const isSpread = args.some(({ type }) => type === 'SpreadElement');
    if (isSpread || args.length === 0 || args.length > most) {
      return `its arguments are not those of an arena's ${name}()`;
    }
    if (beginsStatement(node, this.#source)) return 'its statement begins with it';
    return ARGUMENTS[name](args, this.#looked) || undefined;
  }
}

module.exports = { Calls, whyNever };
