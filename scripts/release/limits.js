'use strict';

// How large a release may be, in bytes. docs/reference/platforms.md says the same.

const BINARY = 760_000;
const PACKED = 785_000; // ralloc itself, as npm packs it; 26 are the reference of its types

module.exports = { BINARY, PACKED };
