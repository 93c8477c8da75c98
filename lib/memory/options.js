'use strict';

// The option `memory` of an arena: `{ hugePages, lock, numaNode, prefault }`.

const check = require('../base/validate.js');

/** Bytes of a huge page. Chunks in huge pages are multiples of it. */
const HUGE_PAGE = 2 * 1024 * 1024;
const MAX_NODE = 2 ** 32 - 1; // the system refuses nodes that do not exist

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

/** Checks the options `memory`; undefined if none is set. */
const memoryOptions = reader(readers);

/** Checks the options for mapping existing memory, whose creator has chosen the node. */
const mappingOptions = reader(ofMapping);

/**
 * Whether the options ask for memory that is present before its first use. Such memory is kept
 * while it is idle.
 */
const staysWarm = ({ lock, prefault, hugePages } = {}) =>
  lock === true || prefault === true || hugePages === 'require';

/** The least bytes of a mapping of this kind, for the trial when an arena is created. */
const leastOf = ({ hugePages }) => (hugePages === undefined ? 4096 : HUGE_PAGE);

/** Equal for equal options, in whatever order they were given. */
const keyOf = (asked = {}) => Object.keys(readers).map((name) => asked[name]);

module.exports = { HUGE_PAGE, node, memoryOptions, mappingOptions, staysWarm, leastOf, keyOf };
