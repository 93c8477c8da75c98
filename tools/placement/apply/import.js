'use strict';

// Adds a line before the first statement of a source, which loads perRequest: there the name exists before any function of the source can be called.

const NAME = 'perRequest';
const LOADS = /^import\b|\brequire\(/;

/** Where a comment begins that belongs to the statement on the line at `at`, as far as `floor`. */
function aboveComment(at, floor, file) {
  while (at > 0) {
    const line = file.lineAt(at - 1);
    if (line.start < floor || file.text.slice(line.start, line.end).trim() === '') return at;
    at = line.start;
  }
  return at;
}

/** `{ as, edits }`: how perRequest is written in the source, and the edits for that. */
function perRequestFor({ ast, sourceType, code }, names, file) {
  const first = ast.body.find(({ directive }) => directive === undefined);
  const known = [...names.imports()].find(
    ({ id, imported, from, statement }) =>
      imported === NAME && from === 'ralloc' && statement === first && names.isFixed(id.name),
  );
  if (known !== undefined) return { as: known.id.name, edits: [] };
  const as = names.free(NAME, 'perRequestBuffers');
  const isModule = sourceType === 'module';
  const named = as === NAME ? NAME : `${NAME}${isModule ? ' as' : ':'} ${as}`;
  const line = isModule
    ? `import { ${named} } from 'ralloc';`
    : `const { ${named} } = require('ralloc');`;
  const { start } = file.lineAt(first.start);
  const isAlone = /^\s*$/.test(code.slice(start, first.start));
  if (!isAlone || LOADS.test(code.slice(first.start, first.end))) {
    const at = isAlone ? start : first.start;
    return { as, edits: [{ start: at, end: at, text: `${line}${file.eol}` }] };
  }
  const directive = ast.body[ast.body.indexOf(first) - 1];
  const at = aboveComment(start, directive?.end ?? /^(#!.*)?/.exec(code)[0].length, file);
  return { as, edits: [{ start: at, end: at, text: `${line}${file.eol}${file.eol}` }] };
}

module.exports = { perRequestFor };
