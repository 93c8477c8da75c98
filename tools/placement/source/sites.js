'use strict';

// Finds the sites of a table in a file as it is now. What an earlier `apply` changed is read as it
// was before.

const { SourceFile, follow } = require('./source-file.js');
const { edited } = require('./text.js');

const NAME = '[\\p{ID_Start}$_][\\p{ID_Continue}$]*';
const QUOTED = `(['"])ralloc\\1`;
const NAMED = `\\{ perRequest(?:(?: as|:) ${NAME})? \\}`;
const LINE = `(?:import ${NAMED} from ${QUOTED}|const ${NAMED} = require\\(${QUOTED.replace('1', '2')}\\));?`;
const EOL = '\\r?\\n';
/** Forms of the statement that loads perRequest, with the line ends that were added with it. */
const LINES = [`${LINE}${EOL}`, `${LINE}${EOL}${EOL}`].map((pattern) => new RegExp(pattern, 'gu'));

/** A pattern for `perRequest.from`, with the names that the source uses for perRequest. */
function usesOf(text) {
  const others = [...text.matchAll(OTHER_NAME)].map(([, name]) => name.replaceAll('$', '\\$'));
  const names = ['perRequest', ...others].join('|');
  return new RegExp(`(?<![\\p{ID_Continue}$.])(?:${names})(?=\\s*\\.)`, 'gu');
}

const OTHER_NAME = new RegExp(`\\bperRequest(?: as|:) (${NAME})`, 'gu');

/** Edits that replace all matches of a pattern. */
const instead = (text, pattern, put) =>
  [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
    start: index,
    end: index + found.length,
    text: put,
  }));

/** Edits that undo an earlier `apply`, for each form in which it may have written its changes. */
function* undoings(text) {
  const always = instead(text, usesOf(text), 'Buffer');
  for (const lines of LINES) {
    yield [...always, ...instead(text, lines, '')].sort((a, b) => a.start - b.start);
  }
}

/**
 * The file before an earlier `apply`: `{ source, edits, isSame }`; `isSame`: it has the hash in the
 * table.
 */
function beforeApply(file, sha256) {
  let first;
  for (const edits of undoings(file.text)) {
    const source = new SourceFile(Buffer.from(file.bom + edited(file.text, edits)), 0);
    const isSame = source.sha256 === sha256;
    first ??= { source, edits, isSame };
    if (isSame) return { source, edits, isSame };
  }
  return first;
}

/**
 * Maps an offset in the text without `edits` to one in the text; undefined if an edit begins there.
 */
function placeIn(offset, edits) {
  let grown = 0; // of the text without them, against the text
  for (const { start, end, text } of edits) {
    if (start + grown > offset) break;
    if (start + grown === offset && text === 'Buffer') return undefined;
    grown += text.length - (end - start);
  }
  return offset - grown;
}

/**
 * For a text with the baked hash: the sites whose calls are at their places, and those whose table
 * entry was changed by hand.
 */
function inPlace(sites, file) {
  const source = new SourceFile(Buffer.from(file.bom + file.text), 0);
  const isThere = ({ line, column, source: of, offset, callee }) => {
    const call = source.callAt(line, column, of);
    return call?.offset === offset && call.callee === callee;
  };
  const lost = sites.filter((site) => !isThere(site));
  return { found: sites.filter(isThere), applied: [], lost, isChanged: false };
}

/**
 * Locates `sites` in `file`, a Text: `{ found, applied, lost, isChanged }`. `found`: sites with
 * their offsets; `applied`: those that an earlier `apply` changed; `lost`: those that are nowhere
 * any more, or in several places.
 */
function locateSites(sites, file, sha256) {
  if (file.sha256 === sha256) return inPlace(sites, file);
  const { source, edits, isSame } = beforeApply(file, sha256);
  const [found, applied, lost] = [[], [], []];
  for (const site of sites) {
    const there = isSame ? site : site.fingerprint && follow(site, source);
    const offset = there && placeIn(there.offset, edits);
    if (!there) lost.push(site);
    else if (offset === undefined) applied.push(site);
    else found.push({ ...there, ...positionOf(offset, site, file), offset });
  }
  return { found, applied, lost, isChanged: !isSame };
}

/** The line and column of the method in the call that begins at `offset`. */
function positionOf(offset, { callee, column, line }, file) {
  const name = callee.lastIndexOf('.') + 1;
  const at = offset + callee.slice(0, name).length + /^\s*/.exec(callee.slice(name))[0].length;
  if (at > file.text.length) return { line, column };
  return { line: file.lineOf(at), column: at - file.lineAt(at).start + 1 };
}

module.exports = { locateSites };
