'use strict';

// Finds what makes the change of a call unsafe: a Buffer that is not Node's, and code that reads
// the bytes behind a Buffer.

const { calledName, propertyOf, requiredBy, textOf } = require('./names.js');

/** Whether a node is `Buffer`, or the property of an object: `globalThis.Buffer`. */
const isBuffer = (node) =>
  (node?.type === 'Identifier' && node.name === 'Buffer') ||
  (node?.type === 'MemberExpression' && propertyOf(node) === 'Buffer');

const TARGETS = {
  AssignmentExpression: ({ left }) => targetsIn(left),
  UpdateExpression: ({ argument }) => targetsIn(argument),
  ForInStatement: ({ left }) => targetsIn(left),
  ForOfStatement: ({ left }) => targetsIn(left),
  UnaryExpression: ({ operator, argument }) => (operator === 'delete' ? [argument] : []),
};

const PARTS = {
  ObjectPattern: ({ properties }) => properties.flatMap((one) => targetsIn(one.value ?? one)),
  ArrayPattern: ({ elements }) => elements.filter(Boolean).flatMap(targetsIn),
  AssignmentPattern: ({ left }) => targetsIn(left),
  RestElement: ({ argument }) => targetsIn(argument),
};

/** The names and properties that a pattern assigns. */
const targetsIn = (pattern) => PARTS[pattern.type]?.(pattern) ?? [pattern];

const SETTERS = /^(assign|define(Property|Properties)|set)$/;

/**
 * `Object.assign(globalThis, { Buffer: ... })`, `Object.defineProperty(globalThis, 'Buffer', ...)`
 */
const setsBuffer = ({ arguments: args }) =>
  textOf(args[1]) === 'Buffer' ||
  (args[1]?.type === 'ObjectExpression' &&
    args[1].properties.some((one) => one.type === 'Property' && propertyOf(one) === 'Buffer'));

/** Whether a node changes Buffer. */
function changes(node) {
  const targets = TARGETS[node.type]?.(node) ?? [];
  if (targets.some((one) => isBuffer(one) || isBuffer(one.object))) return true;
  return node.type === 'CallExpression' && SETTERS.test(calledName(node)) && setsBuffer(node);
}

const COMPARES = new Set(['===', '!==', '==', '!=', 'instanceof', 'in']);

/** For each type of parent of `Buffer` as a value: whether that use cannot change Buffer. */
const HARMLESS = {
  MemberExpression: ({ object }, node) => object === node,
  CallExpression: ({ callee }, node) => callee === node,
  NewExpression: ({ callee }, node) => callee === node,
  UnaryExpression: () => true, // typeof, !
  BinaryExpression: ({ operator }) => COMPARES.has(operator),
  SwitchCase: () => true,
  IfStatement: () => true,
  LogicalExpression: ({ operator, left }, node) => operator === '&&' && left === node,
  ConditionalExpression: ({ test }, node) => test === node,
  ExpressionStatement: () => true,
  ExportSpecifier: () => true,
  ImportSpecifier: () => true,
  // `const { from } = Buffer`
  VariableDeclarator: ({ id }) =>
    id.type === 'ObjectPattern' && id.properties.every(({ type }) => type === 'Property'),
};

/** Whether a node is Buffer as a value, and not the name of a property or of a declaration. */
function isValue(node, { parents }, known) {
  if (!isBuffer(node) || known.has(node)) return false;
  if (node.type === 'MemberExpression') return true;
  const parent = parents.get(node);
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (/^(MethodDefinition|PropertyDefinition)$/.test(parent.type)) return parent.key !== node;
  if (parent.type !== 'Property') return true;
  return parents.get(parent).type === 'ObjectExpression' && parent.value === node;
}

const ofNode = ({ imported, from }) => /^(node:)?buffer$/.test(from) && imported === 'Buffer';

/**
 * `{ node, why }` if Buffer may not be Node's in some part of the file; undefined if it always is.
 */
function otherBuffer(source, names) {
  const imports = [...names.imports()].filter(ofNode);
  const known = new Set(imports.map(({ id }) => id));
  const other = (names.bound.get('Buffer') ?? []).find((id) => !known.has(id));
  if (other !== undefined) return { node: other, why: "Buffer is another one than Node's" };
  const alias = imports.find(({ id }) => id.name !== 'Buffer');
  if (alias !== undefined) return { node: alias.id, why: 'Buffer is given away' };
  for (const node of source.nodes) {
    if (changes(node)) return { node, why: 'Buffer is changed' };
    if (node.type === 'WithStatement') return { node, why: '"with" may hide Buffer' };
    if (node.type === 'CallExpression' && node.callee.name === 'eval') {
      return { node, why: 'eval() may hide Buffer' };
    }
    if (!isValue(node, source, known)) continue;
    const parent = source.parents.get(node);
    const isImport = parent.type === 'VariableDeclarator' && known.has(parent.id);
    if (!isImport && !HARMLESS[parent.type]?.(parent, node)) {
      return { node, why: 'Buffer is given away' };
    }
  }
  return undefined;
}

const BEHIND = new Set(['buffer', 'byteOffset']);
const OLD = new Set(['parent', 'offset']); // old names of these properties, which other objects have too
const MOVES = new Set(['transfer', 'transferToFixedLength', 'transferList']);

/** `const { buffer } = require('node:stream/consumers')` */
const isOfModule = (pattern, parents) => requiredBy(parents.get(pattern)?.init) !== undefined;

const makesBuffer = (node) =>
  node?.type === 'CallExpression' &&
  node.callee.type === 'MemberExpression' &&
  isBuffer(node.callee.object);

/** The names to which the source assigns the Buffer of a call. */
function madeIn(nodes) {
  const made = new Set();
  for (const { type, id, init, left, right } of nodes) {
    const [to, from] = type === 'AssignmentExpression' ? [left, right] : [id, init];
    if (to?.type === 'Identifier' && makesBuffer(from)) made.add(to.name);
  }
  return made;
}

const HAZARDS = {
  MemberExpression: (node, { made }) => {
    const name = propertyOf(node);
    const isMade = made.has(node.object.name) || makesBuffer(node.object);
    return (BEHIND.has(name) || (isMade && OLD.has(name))) && `.${name} is read`;
  },
  Property: (node, { parents, made }) => {
    const name = propertyOf(node);
    const parent = parents.get(node);
    if (parent.type === 'ObjectExpression') return MOVES.has(name) && `"${name}" may move memory`;
    const init = parents.get(parent)?.init;
    const isMade = made.has(init?.name) || makesBuffer(init);
    const isBehind = BEHIND.has(name) || (isMade && OLD.has(name));
    return isBehind && !isOfModule(parent, parents) && `.${name} is read`;
  },
  CallExpression: (node) => {
    const name = calledName(node);
    // Even without a transfer list: the whole ArrayBuffer of a Buffer is copied.
    if (/^(postMessage|structuredClone)$/.test(name)) return `${name}() is called`;
    const key = node.callee.object?.name === 'Reflect' && textOf(node.arguments[1]);
    if (BEHIND.has(key)) return `.${key} is read`;
    return MOVES.has(name) && `${name}() moves memory`;
  },
};

/**
 * `{ node, why }` of code that would notice that a Buffer is an arena's, or break one; undefined if
 * there is none.
 */
function hazardOf({ nodes, parents }) {
  const known = { parents, made: madeIn(nodes) };
  for (const node of nodes) {
    const why = HAZARDS[node.type]?.(node, known);
    if (why) return { node, why };
  }
  return undefined;
}

module.exports = { hazardOf, otherBuffer };
