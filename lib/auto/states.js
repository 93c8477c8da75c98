'use strict';

// The states of a file that a table names, as bits: a process may load it more than once.

/** Its text was changed. */
const EDITED = 1;
/** It is not the text that was baked; with EDITED, some of its calls may not be changed any more. */
const OTHER = 2;
/** The file is that text, but what is compiled is not. */
const COMPILED = 4;
/** It contains a name that is to be put. */
const CONFLICT = 8;
/** Where the table says so, no such call stands. */
const WRONG = 16;
/** `ralloc apply` has changed some of its lines, or all. */
const APPLIED = 32;

module.exports = { APPLIED, COMPILED, CONFLICT, EDITED, OTHER, WRONG };
