'use strict';

// What is a text, a number or a list, by the source: of an ArrayBuffer, Buffer.from() makes a view, and an arena a copy.

const { propertyOf } = require('./names.js');

/** Functions that give texts, by their last names. */
const GIVE_TEXT = new Set([
  'String',
  'stringify',
  'toString',
  'toJSON',
  'toISOString',
  'toFixed',
  'toUpperCase',
  'toLowerCase',
  'join',
  'trim',
  'replace',
  'replaceAll',
  'repeat',
  'padStart',
  'padEnd',
  'encodeURIComponent',
  'btoa',
  'atob',
]);

const looks = {
  Literal: ({ value }) => typeof value === 'string',
  TemplateLiteral: () => true,
  ArrayExpression: () => true,
  BinaryExpression: () => true,
  LogicalExpression: ({ left, right }, look) => look(left) && look(right),
  ConditionalExpression: ({ consequent, alternate }, look) => look(consequent) && look(alternate),
  ParenthesizedExpression: ({ expression }, look) => look(expression),
  CallExpression: ({ callee }) =>
    GIVE_TEXT.has(callee.name ?? (callee.property && propertyOf(callee))),
};

/** `given(name)`: what a name has, where it is once and for all; undefined otherwise. */
function isText(node, given, most = 4) {
  if (!node || most === 0) return false;
  const look = (part) => isText(part, given, most - 1);
  if (node.type === 'Identifier') return look(given(node.name));
  return looks[node.type]?.(node, look) ?? false;
}

module.exports = { isText };
