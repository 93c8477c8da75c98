'use strict';

// Finds the sites of a table in a file as it is now. What an earlier `apply` changed is read as it was before.

const { SourceFile, follow } = require('./source-file.js');
const { edited } = require('./text.js');

const NAME = '[\\p{ID_Start}$_][\\p{ID_Continue}$]*';
const QUOTED = `(['"])ralloc\\1`;
const NAMED = `\\{ perRequest(?:(?: as|:) ${NAME})? \\}`;
const LINE = `(?:import ${NAMED} from ${QUOTED}|const ${NAMED} = require\\(${QUOTED.replace('1', '2')}\\));?`;
const EOL = '\\r?\\n';
/** A statement that gets perRequest, with the lines that came with it; from the least to the most. */
const LINES = [
  `${LINE}${EOL}`,
  `${LINE}${EOL}${EOL}`,
  `${EOL}${EOL}${LINE}`,
  `${EOL}${EOL}${LINE}${EOL}`,
].map((pattern) => new RegExp(pattern, 'gu'));

/** `perRequest.from`, by the names that the source has for it. */
function usesOf(text) {
  const others = [...text.matchAll(OTHER_NAME)].map(([, name]) => name.replaceAll('$', '\\$'));
  const names = ['perRequest', ...others].join('|');
  return new RegExp(`(?<![\\p{ID_Continue}$.])(?:${names})(?=\\s*\\.)`, 'gu');
}

const OTHER_NAME = new RegExp(`\\bperRequest(?: as|:) (${NAME})`, 'gu');
const OPTION = /(?<=\brequestArena\(\s*\{)\s*context: true,/g;
const ONLY_OPTION = /(?<=\brequestArena\(\s*)\{ context: true \}(?=\))/g;

/** Edits of what a pattern finds. */
const instead = (text, pattern, put) =>
  [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
    start: index,
    end: index + found.length,
    text: put,
  }));

/** Edits that take away what an earlier `apply` wrote, by each way in which it may have been written. */
function* undoings(text) {
  const always = instead(text, usesOf(text), 'Buffer');
  for (const lines of LINES) {
    for (const options of ['', '{}']) {
      yield [
        ...always,
        ...instead(text, lines, ''),
        ...instead(text, OPTION, ''),
        ...instead(text, ONLY_OPTION, options),
      ].sort((a, b) => a.start - b.start);
    }
  }
}

/** The file before an earlier `apply`: `{ source, edits, isSame }`; isSame: as the table knows it. */
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

/** From a place in the text without `edits` to one in the text; undefined where an edit is what begins there. */
function placeIn(offset, edits) {
  let grown = 0; // of the text without them, against the text
  for (const { start, end, text } of edits) {
    if (start + grown > offset) break;
    if (start + grown === offset && text === 'Buffer') return undefined;
    grown += text.length - (end - start);
  }
  return offset - grown;
}

/** Of the text that was baked: those whose places are those of their calls, and those that somebody changed. */
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
 * `{ found, applied, lost, isChanged }`: sites with their offsets in `file`, a Text; those that an earlier `apply` changed; and those that are in no place any more,
 * or in several.
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

/** The line and column of the method, of a call that begins at `offset`. */
function positionOf(offset, { callee, column, line }, file) {
  const name = callee.lastIndexOf('.') + 1;
  const at = offset + callee.slice(0, name).length + /^\s*/.exec(callee.slice(name))[0].length;
  if (at > file.text.length) return { line, column };
  return { line: file.lineOf(at), column: at - file.lineAt(at).start + 1 };
}

module.exports = { locateSites };
