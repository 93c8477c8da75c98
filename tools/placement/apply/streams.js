'use strict';

// Bodies that are collected, and pipes: what reads them without a piece left behind, where the source is written in the usual way.

const { calledName, propertyOf } = require('../../../lib/auto/source/names.js');

const PROMISES = /^(node:)?stream\/promises$/;

/** `for await (const chunk of source) chunks.push(chunk)` → { source, list }. */
function collecting(node) {
  if (node?.type !== 'ForOfStatement' || !node.await || node.left.type !== 'VariableDeclaration')
    return undefined;
  const { id } = node.left.declarations[0];
  const isBlock = node.body.type === 'BlockStatement';
  if (isBlock && node.body.body.length !== 1) return undefined;
  const { expression: call } = isBlock ? node.body.body[0] : node.body;
  if (call?.type !== 'CallExpression' || calledName(call) !== 'push' || call.optional)
    return undefined;
  const isIt = call.arguments.length === 1 && call.arguments[0].name === id.name;
  const list = call.callee.object;
  return id.type === 'Identifier' && isIt && list?.type === 'Identifier'
    ? { source: node.right, list: list.name }
    : undefined;
}

/** `const chunks = []` */
function isEmptyList(node, name) {
  if (node?.type !== 'VariableDeclaration' || node.declarations.length !== 1) return false;
  const [{ id, init }] = node.declarations;
  return id.name === name && init?.type === 'ArrayExpression' && init.elements.length === 0;
}

/**
 * Of `Buffer.concat(chunks)`: `{ source, statements }`, the stream whose chunks these are, and the three statements that collect them, in a row; undefined where it is not
 * written so.
 */
function collected(call, { nodes, parents }) {
  const [list, ...others] = call.arguments;
  if (list?.type !== 'Identifier' || others.length > 0) return undefined;
  let statement = call;
  while (!Array.isArray(parents.get(statement)?.body)) {
    statement = parents.get(statement);
    if (statement === undefined || /Function/.test(statement.type)) return undefined;
  }
  const { body } = parents.get(statement);
  const at = body.indexOf(statement);
  const found = collecting(body[at - 1]);
  if (found?.list !== list.name || !isEmptyList(body[at - 2], list.name)) return undefined;
  const uses = nodes.filter(({ type, name }) => type === 'Identifier' && name === list.name);
  if (uses.length !== 3) return undefined;
  return { source: found.source, statements: [body[at - 2], body[at - 1], statement] };
}

/** Edits that read the stream at once: what `current` calls, or `buffer` outside of requests. */
function collectOnce(call, { source, statements: [first, , last] }, { text }, { current, buffer }) {
  const from = text.slice(source.start, source.end);
  return [
    { start: first.start, end: last.start, text: '' },
    {
      start: call.start,
      end: call.end,
      text: `await (${current}()?.collect(${from}) ?? ${buffer}(${from}))`,
    },
  ];
}

/** Where the source makes pipes: `{ node, name }`. */
function* pipesOf({ nodes }, names) {
  const known = [...names.imports()].filter(
    ({ id, imported, from }) =>
      imported === 'pipeline' && PROMISES.test(from) && names.isSingle(id.name),
  );
  for (const node of nodes) {
    if (node.type !== 'CallExpression') continue;
    if (known.some(({ id }) => id.name === node.callee.name))
      yield { node, name: node.callee.name };
    const isPipe = node.callee.type === 'MemberExpression' && propertyOf(node.callee) === 'pipe';
    if (isPipe && node.arguments.length > 0) yield { node, name: '.pipe' };
  }
}

/** What a statement gets alone: `{ node, literal }`, the one name, and the text of the module's name. */
function onlyOne(statement) {
  if (statement.type === 'ImportDeclaration') {
    return { names: statement.specifiers, literal: statement.source };
  }
  const [{ id, init }, ...others] = statement.declarations;
  if (others.length > 0 || id.type !== 'ObjectPattern') return { names: [] };
  return { names: id.properties, literal: init.arguments[0] };
}

/** Edits that make `pipeline` pump() of ralloc, by its other name; undefined where other names come with it. */
function pumpInstead(names, { text }) {
  const found = [...names.imports()].find(
    ({ imported, from }) => imported === 'pipeline' && PROMISES.test(from),
  );
  if (found === undefined || !names.isSingle(found.id.name)) return undefined;
  const { names: all, literal } = onlyOne(found.statement);
  if (all.length !== 1) return undefined;
  const as = found.statement.type === 'ImportDeclaration' ? ' as' : ':';
  const quote = text[literal.start];
  return [
    { start: all[0].start, end: all[0].end, text: `pump${as} ${found.id.name}` },
    { start: literal.start, end: literal.end, text: `${quote}ralloc${quote}` },
  ];
}

module.exports = { collectOnce, collected, pipesOf, pumpInstead };
