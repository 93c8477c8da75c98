'use strict';

// Which names the code of a line has, so that advice names only what is in scope there.

const { requiredBy } = require('../placement/source/names.js');
const { parse } = require('../placement/source/parse.js');
const { Text } = require('../placement/source/text.js');
const { attempt } = require('../../lib/base/attempt.js');

const NAMES = {
  request: /^_?(?:req|request)$/,
  response: /^_?(?:res|response|reply)$/,
};

const acorn = () => require('../placement/dist/acorn.js');

/**
 * The parsed source of a file, kept for the next question; undefined if it cannot be read or
 * parsed.
 */
let last = {};
function parsedOf(file) {
  if (last.file !== file) {
    const parsed = attempt(() => {
      const text = Text.read(file);
      return { text, ...parse(acorn(), text) };
    });
    last = { file, parsed };
  }
  return last.parsed;
}

/** Where in a text a line and a column begin. */
function offsetOf(text, line, column) {
  let at = 0;
  for (let i = 1; i < line; i++) at = text.indexOf('\n', at) + 1;
  return at + column - 1;
}

/**
 * Where a line is in its file: `{ parsed, at }`; undefined if its code is not known, or has changed
 * since the recording.
 */
function placeIn({ file, line, column, code }) {
  if (code === undefined || code.changed) return undefined;
  const parsed = parsedOf(file);
  return parsed && { parsed, at: offsetOf(parsed.text.text, line, column) };
}

/**
 * The innermost parameter that is called as a `kind` is, 'request' or 'response', at the place of a
 * line; undefined without one.
 */
function nameAt(line, kind) {
  const { parsed, at } = placeIn(line) ?? {};
  let found;
  for (const { start, end, params } of parsed?.nodes ?? []) {
    if (params === undefined || !(start <= at && at < end)) continue;
    // The nodes are in the order of the source, so that later ones are further in.
    found =
      params.find(({ type, name }) => type === 'Identifier' && NAMES[kind].test(name)) ?? found;
  }
  return found?.name;
}

/**
 * The modules that the file of a line requires or imports; none if the code has changed since the
 * recording.
 */
function modulesAt(line) {
  const nodes = placeIn(line)?.parsed.nodes ?? [];
  return nodes.flatMap((node) => {
    const name = node.type === 'ImportDeclaration' ? node.source.value : requiredBy(node);
    return typeof name === 'string' ? [name] : [];
  });
}

/** What calls a function again and again, and does not wait for its promise. */
const REPEATS =
  /^(?:setInterval|on|addListener|prependListener|addEventListener|forEach|map|subscribe)$/;

/**
 * Whether the innermost function at the place of a line is async, and may wait: it is not called
 * again meanwhile.
 */
function isAsyncAt(line) {
  const { parsed, at } = placeIn(line) ?? {};
  const inner = parsed?.nodes.findLast(
    ({ start, end, params }) => params !== undefined && start <= at && at < end,
  );
  if (inner?.async !== true) return false;
  const { type, callee } = parsed.parents.get(inner);
  return type !== 'CallExpression' || !REPEATS.test(callee.property?.name ?? callee.name);
}

/** The call at the place of a line, `{ parsed, call }`; undefined without one. */
function callAt(line) {
  const { parsed, at } = placeIn(line) ?? {};
  const call = parsed?.nodes.find(
    ({ type, callee, start, end }) =>
      type === 'CallExpression' &&
      callee.property !== undefined &&
      start <= at &&
      at < end &&
      callee.property.start === at,
  );
  return call && { parsed, call };
}

/**
 * The literal that is the only argument of the call at a line, as it is written; undefined if it is
 * another one.
 */
function literalAt(line) {
  const { parsed, call } = callAt(line) ?? {};
  const given = call?.arguments ?? [];
  const areConstant = given.length > 0 && given.every(({ type }) => type === 'Literal');
  if (!areConstant) return undefined;
  const parent = parsed.parents.get(call);
  return { text: parsed.code.slice(call.start, call.end), parent, call };
}

/**
 * What the result of the call at a line is assigned to, `token` or `this.head`; undefined if it is
 * not assigned as it is.
 */
function assignedAt(line) {
  const { parsed, call } = callAt(line) ?? {};
  const { type, init, id, right, left } = parsed?.parents.get(call) ?? {};
  const target =
    type === 'VariableDeclarator' && init === call
      ? id
      : type === 'AssignmentExpression' && right === call
        ? left
        : undefined;
  const text = target && parsed.code.slice(target.start, target.end);
  return /^[\w$.]+$/.test(text) ? text : undefined;
}

module.exports = { assignedAt, isAsyncAt, literalAt, modulesAt, nameAt };
