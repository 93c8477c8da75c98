'use strict';

// Finds the calls of requestArena(), and the edit that turns on their option `context`.

const { propertyOf, requiredBy } = require('../../../lib/auto/source/names.js');

const OF_RALLOC = /^ralloc(\/(express|http|koa|hono|nest))?$/;
const FASTIFY = 'ralloc/fastify';

/** Whether `callee` is requestArena of ralloc. */
function makes(callee, imports) {
  const of = (node, imported) =>
    node.type === 'Identifier' &&
    imports.some(
      (one) => one.id.name === node.name && one.imported === imported && OF_RALLOC.test(one.from),
    );
  if (of(callee, 'requestArena')) return true;
  if (callee.type !== 'MemberExpression' || propertyOf(callee) !== 'requestArena') return false;
  return OF_RALLOC.test(requiredBy(callee.object) ?? '') || of(callee.object, undefined);
}

/** Whether `node` is the plugin of Fastify. */
function isPlugin(node, imports) {
  if (node === undefined) return false;
  if (requiredBy(node) === FASTIFY) return true;
  const ofImport = node.type === 'ImportExpression' && node.source.value === FASTIFY;
  return ofImport || imports.some(({ id, from }) => id.name === node.name && from === FASTIFY);
}

/** The calls with the index of their options: `{ node, index }`. */
function* mountsOf({ nodes }, names) {
  const imports = [...names.imports()].filter(({ id }) => names.isSingle(id.name));
  for (const node of nodes) {
    if (node.type !== 'CallExpression') continue;
    if (makes(node.callee, imports)) yield { node, index: 0 };
    const isRegister = node.callee.property && propertyOf(node.callee) === 'register';
    if (isRegister && isPlugin(node.arguments[0], imports)) yield { node, index: 1 };
  }
}

/** The edit that turns it on; null if it is on; undefined if the text does not show it. */
function turnOn({ node, index }, text) {
  const { arguments: args } = node;
  if (args.length === index) {
    const at = index === 0 ? node.end - 1 : args.at(-1).end;
    return { start: at, end: at, text: `${index === 0 ? '' : ', '}{ context: true }` };
  }
  const options = args[index];
  if (options?.type !== 'ObjectExpression') return undefined;
  const { properties } = options;
  const own = properties.find((one) => one.type === 'Property' && propertyOf(one) === 'context');
  if (own === undefined) return append(options, text);
  if (own.value.type !== 'Literal') return undefined;
  if (own.value.value === true) return null;
  const { start, end } = own.value;
  return { start, end, text: 'true' };
}

/** Appends the option as the last one, so that no spread overwrites it. */
function append({ start, end, properties }, text) {
  const last = properties.at(-1);
  if (last === undefined) return { start, end, text: '{ context: true }' };
  const line = text.slice(text.lastIndexOf('\n', last.start - 1) + 1, last.start);
  const isAlone = /^\s*$/.test(line) && text.slice(start, last.start).includes('\n');
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const between = isAlone ? `,${eol}${line}` : ', ';
  return { start: last.end, end: last.end, text: `${between}context: true` };
}

module.exports = { mountsOf, turnOn };
