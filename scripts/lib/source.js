'use strict';

// Source text without what is not code: comments and the contents of strings become blanks, line and
// column stay. Good enough for checks that look for names; it is no parser.

const RUST = {
  lineComment: /\/\/[^\n]*/y,
  nestedComments: true,
  literals: [
    /\b(?:b|c)?r(#*)"[\s\S]*?"\1/y, // raw string
    /\b[bc]?"(?:\\[\s\S]|[^"\\])*"/y,
    /"(?:\\[\s\S]|[^"\\])*"/y,
    /'(?:\\(?:x..|u\{[^}]*\}|.)|[^\\'\n])'/y, // a char; a lifetime has no second quote
  ],
};

const JAVASCRIPT = {
  lineComment: /\/\/[^\n]*/y,
  nestedComments: false,
  literals: [
    /"(?:\\[\s\S]|[^"\\\n])*"/y,
    /'(?:\\[\s\S]|[^'\\\n])*'/y,
    /`(?:\\[\s\S]|[^`\\])*`/y, // code inside ${} is masked with it
    // A regular expression, where a value may begin.
    /(?<=(?:^|[=(,:;!&|?{}[+\n]|\breturn)[ \t]*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//y,
  ],
};

function blank(text) {
  return text.replace(/[^\n]/g, ' ');
}

function matchAt(pattern, source, at) {
  pattern.lastIndex = at;
  const match = pattern.exec(source);
  return match ? match[0].length : 0;
}

/** Length of the block comment at `at`; Rust's nest. */
function blockComment(source, at, nested) {
  let depth = 0;
  let end = at;
  do {
    const next = source.slice(end).search(/\/\*|\*\//);
    if (next < 0) return source.length - at;
    const opens = source[end + next] === '/';
    if (opens) depth = nested ? depth + 1 : 1;
    else depth -= 1;
    end += next + 2;
  } while (depth > 0);
  return end - at;
}

/** Keeps the quotes of a literal, so that it is still seen to be there. */
function blankLiteral(text) {
  return text.length < 2 ? text : text[0] + blank(text.slice(1, -1)) + text[text.length - 1];
}

/**
 * @param {string} source
 * @param {typeof RUST} language RUST or JAVASCRIPT
 */
function maskSource(source, language) {
  let out = '';
  let at = 0;
  while (at < source.length) {
    let length = matchAt(language.lineComment, source, at);
    if (length === 0 && source.startsWith('/*', at)) {
      length = blockComment(source, at, language.nestedComments);
    }
    if (length > 0) {
      out += blank(source.slice(at, at + length));
      at += length;
      continue;
    }
    for (const pattern of language.literals) {
      length = matchAt(pattern, source, at);
      if (length > 0) break;
    }
    out += length > 0 ? blankLiteral(source.slice(at, at + length)) : source[at];
    at += length || 1;
  }
  return out;
}

function lineOf(source, at) {
  return source.slice(0, at).split('\n').length;
}

module.exports = { RUST, JAVASCRIPT, maskSource, lineOf };
