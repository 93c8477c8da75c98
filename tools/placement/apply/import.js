'use strict';

// Gives a source perRequest: by what it imports of ralloc already, or by one more line in its own style.

const { isBuiltin } = require('node:module');
const { requiredBy } = require('../../../lib/auto/source/names.js');

const NAME = 'perRequest';
const OWN = /^ralloc(\/|$)/;
const ONLY_SPACE = /^[ \t]*(\/\/.*|\/\*((?!\*\/).)*\*\/[ \t]*)?$/;

/** A pattern without expressions that run code. */
const isPlain = (id) =>
  id.type === 'Identifier' ||
  (id.type === 'ObjectPattern' &&
    id.properties.every(
      ({ computed, value, argument = value }) => !computed && argument.type === 'Identifier',
    ));

/** `require('a')`, `require('a').b` */
const isOfModule = (init) =>
  requiredBy(init?.type === 'MemberExpression' && !init.computed ? init.object : init) !==
  undefined;

/** A CommonJS statement that only requires modules. */
function isRequire(node) {
  if (node.type === 'ExpressionStatement') return requiredBy(node.expression) !== undefined;
  return (
    node.type === 'VariableDeclaration' &&
    node.declarations.every(({ id, init }) => isPlain(id) && isOfModule(init))
  );
}

/** The leading directives, and the statements after them that require modules. */
function leading({ ast: { body }, sourceType }) {
  const isOther = (node) => node.directive === undefined;
  const begin = body.findIndex(isOther);
  const directives = body.slice(0, begin === -1 ? body.length : begin);
  const rest = body.slice(directives.length);
  const isImport = sourceType === 'module' ? ({ type }) => type === 'ImportDeclaration' : isRequire;
  const end = rest.findIndex((node) => !isImport(node));
  return { directives, imports: end === -1 ? rest : rest.slice(0, end), next: rest[end] };
}

/**
 * The statements whose names exist before a function of the source can be called. In CommonJS these come before its first code; in ES modules, before any other
 * module runs that may be in a cycle with it.
 */
function earlyOf(source) {
  if (source.sourceType !== 'module') return leading(source).imports;
  const requests = source.ast.body.filter((node) => node.source);
  const end = requests.findIndex(({ source: { value } }) => !isBuiltin(value) && !OWN.test(value));
  return requests.slice(0, end === -1 ? requests.length : end + 1);
}

/** How to write it with what the source has of ralloc: `{ as, edits }`, or undefined if it has nothing usable. */
function known(source, names, text) {
  const early = new Set(earlyOf(source));
  const single = [...names.imports()].filter(
    ({ id, from, statement }) =>
      from === 'ralloc' && names.isFixed(id.name) && early.has(statement),
  );
  const direct = single.find(({ imported }) => imported === NAME);
  if (direct !== undefined) return { as: direct.id.name, edits: [] };
  const list = single.find((one) => one.imported !== undefined && one.first !== undefined);
  if (list !== undefined && !names.used.has(NAME)) {
    const { start } = list.first;
    const [, space] = /\{(\s*)$/.exec(text.slice(0, start)) ?? [undefined, ' '];
    const between = space.includes('\n') ? space : ' ';
    return { as: NAME, edits: [{ start, end: start, text: `${NAME},${between}` }] };
  }
  const whole = single.find(({ imported }) => imported === undefined);
  return whole && { as: `${whole.id.name}.${NAME}`, edits: [] };
}

/** The end of a statement. A semicolon at the beginning of a line belongs to the next one. */
function endOf({ start, end }, text) {
  const [ours] = /\s*\n\s*;$/.exec(text.slice(start, end)) ?? [''];
  return end - ours.length;
}

/** The style of the source: its quotes, and whether statements end with a semicolon. */
function styleOf(text, imports) {
  const last = imports.at(-1);
  if (last === undefined) return { quote: "'", end: ';' };
  const [quote = "'"] = /['"]/.exec(text.slice(last.start, last.end)) ?? [];
  return { quote, end: text[endOf(last, text) - 1] === ';' ? ';' : '' };
}

/** Adds a statement after `node`, on a line of its own. */
function behind(node, added, gap, file) {
  const { text, eol } = file;
  const last = endOf(node, text);
  const { end } = file.lineAt(last);
  const isAlone = ONLY_SPACE.test(text.slice(last, end));
  const at = isAlone ? end : last;
  return { start: at, end: at, text: `${gap}${added}${isAlone ? '' : eol}` };
}

/** Adds a statement before the first one, on a line of its own; there may be types. */
function before(node, added, gap, { code }, file) {
  const { start } = file.lineAt(node.start);
  const isAlone = /^\s*$/.test(code.slice(start, node.start));
  const at = isAlone ? start : node.start;
  return { start: at, end: at, text: `${added}${file.eol}${isAlone ? gap : ''}` };
}

/** The edit that imports it as `local`. */
function getting(local, source, file) {
  const { text, eol } = file;
  const { directives, imports, next } = leading(source);
  const { quote, end } = styleOf(text, imports);
  const named = (between) => (local === NAME ? NAME : `${NAME}${between}${local}`);
  const module = `${quote}ralloc${quote}`;
  const line =
    source.sourceType === 'module'
      ? `import { ${named(' as ')} } from ${module}${end}`
      : `const { ${named(': ')} } = require(${module})${end}`;
  if (imports.length > 0) {
    // Another module may be in a cycle with this one and call its functions.
    if (source.sourceType === 'module') return before(imports[0], line, '', source, file);
    return behind(imports.at(-1), line, eol, file);
  }
  return directives.length > 0
    ? behind(directives.at(-1), line, `${eol}${eol}`, file)
    : before(next, line, eol, source, file);
}

/** `{ as, edits }`: how perRequest is written in the source, and the edits for that. */
function perRequestFor(source, names, file) {
  const found = known(source, names, file.text);
  if (found !== undefined) return found;
  const as = names.free(NAME, 'perRequestBuffers');
  return { as, edits: [getting(as, source, file)] };
}

/** The node that replaces Node's require() in a CommonJS source, or undefined. */
function otherRequire({ sourceType, parents }, names) {
  if (sourceType === 'module') return undefined;
  const isAtTop = (id) => {
    let node = parents.get(id);
    if (node.type === 'FunctionDeclaration' && node.id === id) node = parents.get(node);
    while (node !== undefined && !/Function/.test(node.type)) node = parents.get(node);
    return node === undefined;
  };
  return names.assigned.get('require') ?? names.bound.get('require')?.find(isAtTop);
}

module.exports = { otherRequire, perRequestFor };
