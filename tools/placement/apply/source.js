'use strict';

// A source file of a table: which sites are changed, which may be changed by hand, and which stay, each with the reason.

const { PROOF_SAMPLES } = require('../../../lib/site/decisions.js');
const { whyByOptions } = require('../../../lib/auto/edits.js');
const { Calls, whyNever } = require('../../../lib/auto/source/calls.js');
const { otherRequire, perRequestFor } = require('./import.js');
const { Names } = require('../../../lib/auto/source/names.js');
const { parse } = require('../../../lib/auto/source/parse.js');

/** Compiled files are overwritten by their compiler, so they are not changed. */
const GENERATED = /\/[/*][#@]\s*sourceMappingURL=/;

const whole = (number) => number.toLocaleString('en-US');

const placeOf = ({ file, line, column, function: name }) => `${file}:${line}:${column} ${name}`;

class Source {
  /** Edits of the text: `{ start, end, text }`. */
  edits = [];
  /** Lines of text: what is changed, what may be changed by hand, what stays. */
  changes = [];
  suggestions = [];
  left = [];
  #file;
  #parsed;
  #names;
  #calls;

  /** `file`: a Text. Throws Unread. */
  constructor(acorn, file) {
    this.#file = file;
    this.#parsed = parse(acorn, file);
    this.#names = new Names(this.#parsed);
    this.#calls = new Calls(this.#parsed, this.#names, file);
  }

  get file() {
    return this.#file;
  }

  /** The reason that a site of requests stays, or undefined if it may be changed. */
  #why(site, options) {
    const never = whyNever(site);
    if (never !== undefined) return never;
    if (GENERATED.test(this.#file.text))
      return 'a compiler made the file. Change what it was made of';
    const byOptions = whyByOptions(site, options);
    if (byOptions !== undefined) return byOptions;
    const other = otherRequire(this.#parsed, this.#names);
    if (other !== undefined) {
      return `require is another one than Node's in line ${this.#file.lineOf(other.start)}`;
    }
    return this.#calls.why(site);
  }

  /** Sorts sites of the file into edits (proved sites of requests), suggestions, and those that are left. */
  add(sites, options) {
    const known = new Set(); // a table that was edited by hand may have a place twice
    const ofRequests = sites.filter(({ strategy, offset }) => {
      if (strategy !== 'request' || known.has(offset)) return false;
      known.add(offset);
      return true;
    });
    const proved = [];
    for (const site of ofRequests) {
      const why = this.#why(site, options);
      if (why !== undefined) this.left.push(`${placeOf(site)}: left: ${why}`);
      else if (site.certainty === 'proved') proved.push(site);
      else this.suggestions.push(`${placeOf(site)}: ${suggestionOf(site)}`);
    }
    if (proved.length > 0) this.#change(proved);
    for (const site of sites) if (/^(slab|region)$/.test(site.strategy)) this.#suggestFree(site);
  }

  #change(sites) {
    const { as, edits } = perRequestFor(this.#parsed, this.#names, this.#file);
    this.edits.push(...edits);
    for (const site of sites) {
      const { offset, samples } = site;
      this.changes.push(
        `${placeOf(site)}: from the arena of its request: of ${whole(samples)} samples none outlived it`,
      );
      this.edits.push({ start: offset, end: offset + 'Buffer'.length, text: as });
    }
  }

  #suggestFree(site) {
    this.suggestions.push(
      `${placeOf(site)}: belongs in a ${site.strategy}, which somebody frees. The free belongs where it is let go: delete(), clear(), shift() of what holds it, or a new value in its place`,
    );
  }
}

const suggestionOf = ({ samples, exceptions, source }) =>
  exceptions === 0
    ? `perRequest${source.slice('Buffer'.length)}() would fit by ${whole(samples)} samples. ${whole(PROOF_SAMPLES)} prove it: record longer`
    : `of ${whole(samples)} samples ${whole(exceptions)} outlived their request. Look whether they do: record again`;

module.exports = { Source };
