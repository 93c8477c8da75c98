'use strict';

// What an arena may ask of its memory, where the usual kind will not do: `memory: { hugePages, lock, numaNode,
// prefault }`.

const check = require('../base/validate.js');

/** Bytes of a huge page, of which chunks in such pages are multiples. */
const HUGE_PAGE = 2 * 1024 * 1024;
const MAX_NODE = 2 ** 32 - 1; // the system knows better which there are

const node = (value, name) => check.integer(value, name, 0, MAX_NODE);

const readers = {
  hugePages: (value, name) => check.oneOf(value, name, ['advise', 'prefer', 'require']),
  lock: check.boolean,
  numaNode: node,
  prefault: check.boolean,
};

const { numaNode: _, ...ofMapping } = readers;

const reader = (known) => (value, name) => {
  const checked = check.options(value, known, name);
  const asked = Object.entries(checked).filter(([, one]) => one !== false);
  return asked.length === 0 ? undefined : Object.fromEntries(asked);
};

/** What is asked for, checked; undefined when that is nothing. */
const memoryOptions = reader(readers);

/** The same of memory that is there: its node is that of whoever made it. */
const mappingOptions = reader(ofMapping);

/** Whether memory was asked to be there before it is used: then idle times do not take it away. */
const staysWarm = ({ lock, prefault, hugePages } = {}) =>
  lock === true || prefault === true || hugePages === 'require';

/** Bytes that a mapping of this kind has at least: what is tried when an arena is made. */
const leastOf = ({ hugePages }) => (hugePages === undefined ? 4096 : HUGE_PAGE);

/** Equal for equal options, in whatever order they were given. */
const keyOf = (asked = {}) => Object.keys(readers).map((name) => asked[name]);

module.exports = { HUGE_PAGE, node, memoryOptions, mappingOptions, staysWarm, leastOf, keyOf };
