'use strict';

// The states of a file that a table names, as bits: a process may load it more than once.

/** Its text was changed. */
const EDITED = 1;
/** It is not the text that was baked; with EDITED: some of its calls may no longer be changed. */
const OTHER = 2;
/** The file has the baked text, but another text is compiled. */
const COMPILED = 4;
/** It already contains a name that would be inserted. */
const CONFLICT = 8;
/** There is no such call at the place that the table names. */
const WRONG = 16;
/** `ralloc apply` has changed some of its lines, or all. */
const APPLIED = 32;

module.exports = { APPLIED, COMPILED, CONFLICT, EDITED, OTHER, WRONG };
