'use strict';

// Adds a line to the top of a source that loads perRequest, in the style of the source. At the top, the name exists before any function of the source can be called.

const { isBuiltin } = require('node:module');

const NAME = 'perRequest';
const OWN = /^ralloc(\/|$)/;
const ONLY_SPACE = /^[ \t]*(\/\/.*|\/\*((?!\*\/).)*\*\/[ \t]*)?$/;

/** A statement of CommonJS that only requires a module, and runs no other code of the source. */
const REQUIRE =
  /^(?:(?:const|let|var)\s[\w$\s{},:]+=\s*)?require\((['"])[^'"]+\1\)(?:\.[\w$]+)?\s*;?$/;

/** Whether no function of the source can be called until this statement, one of the first, has run. An import of a module that imports the source could call one. */
function isEarly({ type, source: from, start, end }, { sourceType, code }) {
  if (sourceType !== 'module') return REQUIRE.test(code.slice(start, end));
  return type === 'ImportDeclaration' && (isBuiltin(from.value) || OWN.test(from.value));
}

/** The last of the leading directives, the first statement after them, and the early ones at their beginning. */
function headOf(source) {
  const { body } = source.ast;
  const begin = body.findIndex(({ directive }) => directive === undefined);
  const rest = body.slice(begin);
  const end = rest.findIndex((node) => !isEarly(node, source));
  return { directive: body[begin - 1], first: rest[0], early: rest.slice(0, end) };
}

/** The end of a statement. A semicolon at the beginning of a line belongs to the next one. */
function endOf({ start, end }, text) {
  const [ours] = /\s*\n\s*;$/.exec(text.slice(start, end)) ?? [''];
  return end - ours.length;
}

/** The style of a source, by how it loads its first module: its quotes, and whether statements end with a semicolon. */
function styleOf(first, text) {
  const statement = text.slice(first.start, endOf(first, text));
  const isOfModule = first.type === 'ImportDeclaration' || REQUIRE.test(statement);
  if (!isOfModule) return { quote: "'", end: ';', isOfModule };
  const [quote = "'"] = /['"]/.exec(statement) ?? [];
  return { quote, end: statement.endsWith(';') ? ';' : '', isOfModule };
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

/** Adds a statement before `node`, the first one, on a line of its own. */
function before(node, added, gap, { code }, file) {
  const { start } = file.lineAt(node.start);
  const isAlone = /^\s*$/.test(code.slice(start, node.start));
  const at = isAlone ? start : node.start;
  return { start: at, end: at, text: `${added}${file.eol}${isAlone ? gap : ''}` };
}

/** `{ as, edits }`: how perRequest is written in the source, and the edits for that. */
function perRequestFor(source, names, file) {
  const { directive, first, early } = headOf(source);
  const known = [...names.imports()].find(
    ({ id, imported, from, statement }) =>
      imported === NAME && from === 'ralloc' && early.includes(statement) && names.isFixed(id.name),
  );
  if (known !== undefined) return { as: known.id.name, edits: [] };
  const as = names.free(NAME, 'perRequestBuffers');
  const { quote, end, isOfModule } = styleOf(first, file.text);
  const named = (between) => (as === NAME ? NAME : `${NAME}${between}${as}`);
  const module = `${quote}ralloc${quote}`;
  const line =
    source.sourceType === 'module'
      ? `import { ${named(' as ')} } from ${module}${end}`
      : `const { ${named(': ')} } = require(${module})${end}`;
  const edit =
    directive === undefined
      ? before(first, line, isOfModule ? '' : file.eol, source, file)
      : behind(directive, line, `${file.eol}${file.eol}`, file);
  return { as, edits: [edit] };
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
