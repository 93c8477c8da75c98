'use strict';

// What is done with the sites of a source file: which are changed, which may be changed by hand, and which stay, each with the reason.

const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { whyByOptions } = require('../../../lib/auto/edits.js');
const { Calls, whyNever } = require('../../../lib/auto/source/calls.js');
const { perRequestFor } = require('./import.js');
const { Names } = require('../../../lib/auto/source/names.js');
const { parse } = require('../../../lib/auto/source/parse.js');

/** Compiled files are overwritten by their compiler, so they are not changed. */
const GENERATED = /\/[/*][#@]\s*sourceMappingURL=/;
const ofCompiler = ({ text }) =>
  GENERATED.test(text) ? 'a compiler made the file. Change what it was made of' : undefined;

const whole = (number) => number.toLocaleString('en-US');

const suggestionOf = ({ samples, exceptions, source }) =>
  exceptions === 0
    ? `perRequest${source.slice('Buffer'.length)}() would fit by ${whole(samples)} samples. ${whole(PROOF_SAMPLES)} prove it: record longer`
    : `of ${whole(samples)} samples ${whole(exceptions)} outlived their request. Look whether they do: record again`;

/**
 * Sorts sites of a Text into `{ edits, changes, suggestions, left }`: edits of the text, `{ start, end, text }`, and lines of text about what is changed (proved sites of
 * requests), what may be changed by hand, and what stays. Throws Unread.
 */
function sortSites(acorn, file, sites, options) {
  const parsed = parse(acorn, file);
  const names = new Names(parsed);
  const calls = new Calls(parsed, names, file);
  const [proved, changes, suggestions, left] = [[], [], [], []];
  const known = new Set(); // a table that was edited by hand may have a place twice
  for (const site of sites) {
    const { strategy, offset, certainty, samples } = site;
    const place = `${site.file}:${site.line}:${site.column} ${site.function}`;
    if (known.has(offset)) continue;
    known.add(offset);
    if (strategy !== 'request') {
      suggestions.push(
        `${place}: belongs in a ${strategy}, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place`,
      );
      continue;
    }
    const why =
      whyNever(site) ?? ofCompiler(file) ?? whyByOptions(site, options) ?? calls.why(site);
    if (why !== undefined) left.push(`${place}: left: ${why}`);
    else if (certainty !== 'proved') suggestions.push(`${place}: ${suggestionOf(site)}`);
    else {
      proved.push(offset);
      changes.push(
        `${place}: from the arena of its request: of ${whole(samples)} samples none outlived it`,
      );
    }
  }
  if (proved.length === 0) return { edits: [], changes, suggestions, left };
  const { as, edits } = perRequestFor(parsed, names, file);
  const calling = proved.map((start) => ({ start, end: start + 'Buffer'.length, text: as }));
  return { edits: [...edits, ...calling], changes, suggestions, left };
}

module.exports = { sortSites };
